//! One browser with one page, driven through WebDriver (W3C): real pages, real clicks, real keys.

use std::{
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use base64::Engine;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    driver::{Kind, Program},
    http_client::request,
};

/// Long enough for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// The name under which WebDriver answers an element (WebDriver §12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// A phone's width, height and pixels.
const PHONE: [u32; 3] = [390, 844, 2];

/// One browser with one page.
pub struct Browser {
    kind: Kind,
    program: Rc<Program>,
    session: String,
    _profile: TempDir,
}

impl Browser {
    pub fn start(kind: Kind, program: Rc<Program>, profile: TempDir, wanted: &Value) -> Self {
        let wanted = wanted.to_string();
        let answer = request(&program.authority, "POST", "/session", None, &wanted).json();
        let session = answer["value"]["sessionId"].as_str();
        let session = session.unwrap_or_else(|| panic!("no browser: {answer}"));
        Self {
            kind,
            program,
            session: format!("/session/{session}"),
            _profile: profile,
        }
    }

    pub fn open(&self, url: &str) {
        self.command("POST", "/url", json!({ "url": url })).unwrap();
    }

    pub fn reload(&self) {
        self.command("POST", "/refresh", json!({})).unwrap();
    }

    /// The browser's own way back.
    pub fn back(&self) {
        self.command("POST", "/back", json!({})).unwrap();
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

    /// Looks like a phone from now on, as far as the browser can be that small.
    pub fn be_a_phone(&self) {
        let [width, height, scale] = PHONE;
        self.set_size(width, height, scale);
    }

    /// Has a window of this size from now on.
    pub fn resize(&self, width: u32, height: u32) {
        self.set_size(width, height, 1);
    }

    fn set_size(&self, width: u32, height: u32, scale: u32) {
        if self.kind == Kind::Firefox {
            let frame = |what| self.evaluate(what).as_u64().unwrap();
            let width = u64::from(width) + frame("outerWidth - innerWidth");
            let height = u64::from(height) + frame("outerHeight - innerHeight");
            let size = json!({ "width": width, "height": height });
            self.command("POST", "/window/rect", size).unwrap();
            return;
        }
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": scale > 1 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// Belongs to somebody who likes it dark.
    pub fn be_dark(&self) {
        if self.kind == Kind::Firefox {
            let name = "layout.css.prefers-color-scheme.content-override";
            let script = format!("Services.prefs.setIntPref('{name}', 0)");
            let context = |name| self.command("POST", "/moz/context", json!({ "context": name }));
            context("chrome").unwrap();
            self.run(&script);
            context("content").unwrap();
            return;
        }
        let dark = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": dark }));
    }

    /// Runs a script.
    pub fn run(&self, script: &str) {
        let script = json!({ "script": script, "args": [] });
        self.command("POST", "/execute/sync", script).unwrap();
    }

    /// What a script's promise brings.
    pub fn evaluate_later(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             Promise.resolve({expression}).then(done, (error) => done(String(error)));"
        );
        let script = json!({ "script": script, "args": [] });
        self.command("POST", "/execute/async", script).unwrap()
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
