//! Chromium, driven through WebDriver (W3C): real pages, real clicks, real keys.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use base64::Engine;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::http_client::request;

/// Long enough for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// The name under which WebDriver answers an element (WebDriver §12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const ARGUMENTS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// The names that Chromium goes by.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The program that starts and drives browsers. It ends after the last of them.
pub struct Driver(Rc<Program>);

struct Program {
    process: Child,
    /// Kept open, so that the program can go on writing to it.
    _output: BufReader<ChildStdout>,
    browser: PathBuf,
    authority: String,
}

impl Driver {
    /// `None` when it is not installed, or Chromium is not.
    pub fn start() -> Option<Self> {
        let browser = BROWSERS.iter().find_map(|name| installed(name))?;
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let port = output
            .by_ref()
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("successfully on port ")?.1.to_owned()))
            .expect("chromedriver says its port");
        Some(Self(Rc::new(Program {
            process,
            _output: output,
            browser,
            authority: format!("127.0.0.1:{}", port.trim_end_matches('.')),
        })))
    }

    /// A browser with a fresh profile, so that no two share anything.
    pub fn browser(&self) -> Browser {
        let profile = tempfile::tempdir().unwrap();
        let mut arguments: Vec<_> = ARGUMENTS.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments, "binary": self.0.browser },
        } } });
        let wanted = wanted.to_string();
        let answer = request(&self.0.authority, "POST", "/session", None, &wanted);
        let session = answer.json()["value"]["sessionId"]
            .as_str()
            .map(str::to_owned);
        let session = session.unwrap_or_else(|| panic!("no browser: {}", answer.json()));
        Browser {
            program: self.0.clone(),
            session: format!("/session/{session}"),
            _profile: profile,
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
}

/// One browser with one page.
pub struct Browser {
    program: Rc<Program>,
    session: String,
    _profile: TempDir,
}

impl Browser {
    pub fn open(&self, url: &str) {
        self.command("POST", "/url", json!({ "url": url })).unwrap();
    }

    pub fn reload(&self) {
        self.command("POST", "/refresh", json!({})).unwrap();
    }

    /// Clicks on an element as soon as it can be clicked.
    pub fn click(&self, selector: &str) {
        self.act(selector, "click", &json!({}));
    }

    /// Types into a field as soon as it is there.
    pub fn type_into(&self, selector: &str, text: &str) {
        self.act(selector, "value", &json!({ "text": text }));
    }

    /// Empties a field as soon as it is there.
    pub fn clear(&self, selector: &str) {
        self.act(selector, "clear", &json!({}));
    }

    /// Tries a command on an element until it succeeds.
    fn act(&self, selector: &str, command: &str, parameters: &Value) {
        self.wait_until(&format!("{selector} takes a {command}"), || {
            let path = format!("{}/{command}", self.find(selector)?);
            self.command("POST", &path, parameters.clone()).ok()
        });
    }

    /// Waits until the element is visible and shows these words somewhere.
    pub fn expect_text(&self, selector: &str, words: &str) {
        self.wait_until(&format!("{selector} shows {words:?}"), || {
            self.text(selector).filter(|text| text.contains(words))
        });
    }

    /// Waits until no such element is visible or it shows these words no more.
    pub fn expect_no_text(&self, selector: &str, words: &str) {
        self.wait_until(&format!("{selector} does not show {words:?}"), || {
            let shown = self.text(selector).is_some_and(|text| text.contains(words));
            (!shown).then_some(())
        });
    }

    /// Waits until a script's expression has this value.
    pub fn expect_value(&self, expression: &str, expected: impl Into<Value>) {
        let expected = expected.into();
        self.wait_until(&format!("{expression} is {expected}"), || {
            (self.evaluate(expression) == expected).then_some(())
        });
    }

    /// What a person can read in the element.
    pub fn text(&self, selector: &str) -> Option<String> {
        let element = self.find(selector)?;
        let text = self.command("GET", &format!("{element}/text"), Value::Null);
        Some(text.ok()?.as_str()?.to_owned())
    }

    /// The value of a script's expression.
    pub fn evaluate(&self, expression: &str) -> Value {
        let script = json!({ "script": format!("return {expression}"), "args": [] });
        self.command("POST", "/execute/sync", script).unwrap()
    }

    /// Chooses in a list.
    pub fn choose(&self, selector: &str, value: &str) {
        self.click(&format!("{selector} option[value='{value}']"));
    }

    /// Presses keys wherever the focus is.
    pub fn press(&self, keys: &str) {
        let keys = keys.chars().flat_map(|key| {
            let key = key.to_string();
            [
                json!({ "type": "keyDown", "value": key }),
                json!({ "type": "keyUp", "value": key }),
            ]
        });
        let keys: Vec<_> = keys.collect();
        let actions = json!({ "actions": [{ "type": "key", "id": "keys", "actions": keys }] });
        self.command("POST", "/actions", actions).unwrap();
    }

    /// Waits until a button can be used.
    pub fn wait_for_enabled(&self, selector: &str) {
        let disabled = format!("document.querySelector(\"{selector}\")?.disabled");
        self.expect_value(&disabled, false);
    }

    /// Looks like a phone from now on.
    pub fn be_a_phone(&self) {
        let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
        self.devtools("Emulation.setDeviceMetricsOverride", phone);
    }

    /// Has a window of this size from now on.
    pub fn resize(&self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size);
    }

    /// Belongs to somebody who likes it dark.
    pub fn be_dark(&self) {
        let dark = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": dark }));
    }

    /// Evaluates an expression, which may be a promise, whatever the page's policy says.
    pub fn evaluate_later(&self, expression: &str) -> Value {
        let parameters =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.devtools("Runtime.evaluate", parameters);
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].clone()
    }

    /// What the window shows, as a PNG image.
    pub fn screenshot(&self) -> Vec<u8> {
        let image = self.command("GET", "/screenshot", Value::Null).unwrap();
        base64::engine::general_purpose::STANDARD
            .decode(image.as_str().unwrap())
            .unwrap()
    }

    pub fn devtools(&self, name: &str, parameters: Value) -> Value {
        let command = json!({ "cmd": name, "params": parameters });
        self.command("POST", "/goog/cdp/execute", command).unwrap()
    }

    fn find(&self, selector: &str) -> Option<String> {
        let query = json!({ "using": "css selector", "value": selector });
        let found = self.command("POST", "/element", query).ok()?;
        Some(format!("/element/{}", found[ELEMENT].as_str()?))
    }

    fn wait_until<T>(&self, what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(value) = attempt() {
                return value;
            }
            if Instant::now() > deadline {
                let page = self.text("body").unwrap_or_default();
                panic!("waited in vain until {what}; the page shows:\n{page}");
            }
            thread::sleep(POLL);
        }
    }

    fn command(&self, method: &str, path: &str, parameters: Value) -> Result<Value, String> {
        let path = format!("{}{path}", self.session);
        let body = match method {
            "POST" => parameters.to_string(),
            _ => String::new(),
        };
        let answer = request(&self.program.authority, method, &path, None, &body);
        let value = answer.json()["value"].take();
        if answer.status == 200 {
            Ok(value)
        } else {
            Err(value["message"].to_string())
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.command("DELETE", "", Value::Null);
    }
}
