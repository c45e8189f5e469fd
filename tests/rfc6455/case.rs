//! What is sent, what comes back, and how it ends.

use crate::wire::*;

/// Pieces in which each case is sent: all at once, and octet by octet.
const PIECES: [usize; 2] = [usize::MAX, 1];

pub struct Case {
    pub name: String,
    pub sent: Vec<u8>,
    /// Pongs and echoes; each of the two in this order.
    pub answers: Vec<Frame>,
    pub end: End,
}

#[derive(Clone)]
pub enum End {
    /// The session goes on.
    Open,
    /// The server fails the connection with this code, and what follows is not heard.
    Fails(u16),
    /// The client has closed; this is the answer, and what follows is not heard.
    Closed(Frame),
}

/// A case in which whole frames are sent.
pub fn case(name: impl Into<String>, sent: &[Frame], answers: &[Frame], end: End) -> Case {
    Case {
        name: name.into(),
        sent: bytes(sent),
        answers: answers.to_vec(),
        end,
    }
}

/// These frames fail the connection: alone, and after a message, whose echo comes first.
pub fn fails(name: &str, code: u16, sent: &[Frame]) -> [Case; 2] {
    let after_a_message = [&[text("before")], sent].concat();
    let echoed = format!("{name}, after a message");
    [
        case(name, sent, &[], End::Fails(code)),
        case(
            echoed,
            &after_a_message,
            &[text("before")],
            End::Fails(code),
        ),
    ]
}

impl Case {
    /// Sends it in both ways, and compares.
    pub fn check(&self) {
        for piece in PIECES {
            let mut client = RawClient::join(server());
            println!("{}, in pieces of {piece}", self.name);
            self.run(&mut client, piece);
        }
    }

    fn run(&self, client: &mut RawClient, piece: usize) {
        let probe = bytes(&[ping("after"), text("after")]);
        let at_once = [&self.sent[..], &probe].concat();
        match &self.end {
            End::Open => {
                client.send(&at_once, piece).unwrap();
                let mut expected = self.answers.clone();
                expected.extend([pong("after"), text("after")]);
                let heard = (0..expected.len()).map_while(|_| client.hear());
                self.compare(heard.collect(), expected);
                client.send(&close(1000, "").bytes(), piece).unwrap();
                self.compare(rest(client), vec![close(1000, "")]);
            }
            End::Fails(code) => self.ends(client, &at_once, piece, failure(*code)),
            End::Closed(answer) => self.ends(client, &at_once, piece, answer.clone()),
        }
    }

    /// The Close comes last, and comes without waiting for what follows.
    fn ends(&self, client: &mut RawClient, at_once: &[u8], piece: usize, close: Frame) {
        if piece >= at_once.len() {
            client.send(at_once, piece).unwrap();
            let mut heard = rest(client);
            assert_eq!(heard.pop(), Some(close), "{}, {heard:?}", self.name);
            self.compare(heard, self.answers.clone());
            return;
        }
        // It may be over before the last piece.
        let _ = client.send(&self.sent, piece);
        let mut heard = Vec::new();
        loop {
            match client.hear() {
                Some(frame) if frame.first & 0x0f == CLOSE => {
                    assert_eq!(frame, close, "{}", self.name);
                    break;
                }
                Some(frame) => heard.push(frame),
                None => panic!("{}: no Close but the end", self.name),
            }
        }
        self.compare(heard, self.answers.clone());
        let _ = client.send(&at_once[self.sent.len()..], usize::MAX);
        self.compare(rest(client), Vec::new());
    }

    /// Echoes in their order, control frames in theirs; an echo takes a tick longer.
    fn compare(&self, heard: Vec<Frame>, expected: Vec<Frame>) {
        let by_kind = |frames: Vec<Frame>| -> (Vec<_>, Vec<_>) {
            frames.into_iter().partition(Frame::is_control)
        };
        assert_eq!(by_kind(heard), by_kind(expected), "{}", self.name);
    }
}

/// The Close of a failed connection, with the word for its code.
pub fn failure(code: u16) -> Frame {
    let word = match code {
        1002 => "protocol_error",
        1007 => "invalid_text",
        1009 => "message_too_big",
        _ => unreachable!("not a code of a failure"),
    };
    close(code, word)
}

/// Everything until the end of the connection, of which the client has its part.
pub fn rest(client: &mut RawClient) -> Vec<Frame> {
    std::iter::from_fn(|| client.hear()).collect()
}

pub fn check(cases: impl IntoIterator<Item = Case>) {
    cases.into_iter().for_each(|case| case.check());
}
