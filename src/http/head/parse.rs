//! A complete head to its parts.

use httparse::{EMPTY_HEADER, Header, Request, Status};
use tokio_tungstenite::tungstenite::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, ORIGIN, PROXY_AUTHORIZATION,
        SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING,
        UPGRADE,
    },
};

use super::{Head, Method};
use crate::{
    http::authority::Authority,
    identity::{Refusal, RefusalKind},
};

/// Fields that decide something and so may come only once.
const SINGLE: [HeaderName; 8] = [
    HOST,
    ORIGIN,
    AUTHORIZATION,
    UPGRADE,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION,
    SEC_WEBSOCKET_PROTOCOL,
    CONTENT_LENGTH,
];

/// Fields whose values must not show up in any `Debug`.
const SECRET: [HeaderName; 4] = [
    AUTHORIZATION,
    COOKIE,
    PROXY_AUTHORIZATION,
    SEC_WEBSOCKET_PROTOCOL,
];

/// Parses a head that ends with its empty line and whose line ends have been checked.
pub(super) fn parse(bytes: &[u8], max_fields: usize) -> Result<Head, Refusal> {
    let mut fields = vec![EMPTY_HEADER; max_fields];
    let mut request = Request::new(&mut fields);
    let complete = request.parse(bytes).map_err(refuse_syntax)? == Status::Complete(bytes.len());
    let (Some(method), Some(target), Some(1), true) =
        (request.method, request.path, request.version, complete)
    else {
        return Err(Refusal::bad_request("HTTP/1.1 is required"));
    };
    let method = parse_method(method)?;
    let (path, query) = parse_target(target)?;
    let headers = parse_fields(request.headers)?;
    check_fields(&headers)?;
    Ok(Head {
        method,
        path,
        query,
        headers,
    })
}

fn refuse_syntax(error: httparse::Error) -> Refusal {
    match error {
        httparse::Error::TooManyHeaders => RefusalKind::HeadTooLarge.into(),
        httparse::Error::Version => Refusal::bad_request("HTTP/1.1 is required"),
        httparse::Error::Token => Refusal::bad_request("the request line is malformed"),
        _ => Refusal::bad_request("a header field is malformed"),
    }
}

fn parse_method(method: &str) -> Result<Method, Refusal> {
    match method {
        "GET" => Ok(Method::Get),
        "OPTIONS" => Ok(Method::Options),
        _ => Err(RefusalKind::MethodNotAllowed.into()),
    }
}

/// Origin-form (RFC 9112 §3.2.1): a path, and perhaps a query. A path that starts with `//` would
/// be a host to a reader who takes it for a relative reference.
fn parse_target(target: &str) -> Result<(String, Option<String>), Refusal> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let visible = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    let plain = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && target.bytes().all(visible);
    if !plain {
        return Err(Refusal::bad_request("the request target must be a path"));
    }
    Ok((path.to_owned(), query.map(str::to_owned)))
}

fn parse_fields(fields: &[Header<'_>]) -> Result<HeaderMap, Refusal> {
    let malformed = || Refusal::bad_request("a header field is malformed");
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| malformed())?;
        let mut value = HeaderValue::from_bytes(field.value).map_err(|_| malformed())?;
        value.set_sensitive(SECRET.contains(&name));
        headers.append(name, value);
    }
    Ok(headers)
}

fn check_fields(headers: &HeaderMap) -> Result<(), Refusal> {
    for name in SINGLE {
        if headers.get_all(&name).iter().nth(1).is_some() {
            let rule = format!("{name} may come only once");
            return Err(Refusal::bad_request(rule));
        }
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if host.and_then(Authority::parse).is_none() {
        return Err(Refusal::bad_request(
            "Host must be a host and perhaps a port",
        ));
    }
    let empty = headers
        .get(CONTENT_LENGTH)
        .is_none_or(|length| length == "0");
    if !empty || headers.contains_key(TRANSFER_ENCODING) {
        return Err(Refusal::bad_request("a body is not allowed"));
    }
    Ok(())
}
