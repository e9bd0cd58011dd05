//! Requests, and the judgement on responses. Called by `connection` for each response. Pure: bytes in, verdict out.
//! It computes the expected body by itself (it shares no code with the servers), so a server cannot be wrong together with it.

use std::fmt::Write;

use memchr::memmem;

/// What is asked for and must come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Each request has a path of its own, and the body is `PATH CHECKSUM` as the servers of tests/servers give it.
    OwnPath,
    /// Always this path, and a 200 with exactly this body (any body if `None`).
    Fixed { path: String, body: Option<Vec<u8>> },
}

/// The judgement on the bytes that have come so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    NeedMore,
    Right,
    Wrong(String),
}

/// Makes requests and judges responses, for all connections.
pub struct Checker {
    expect: Expect,
    /// The last good response head and the body length it announced: heads repeat, so most need no parsing.
    head: Vec<u8>,
    body_length: usize,
}

impl Checker {
    pub fn new(expect: Expect) -> Checker {
        Checker {
            expect,
            head: Vec::new(),
            body_length: 0,
        }
    }

    /// Puts the request number `sequence` of connection `id` into `out`, replacing what it held.
    pub fn request(&self, id: u32, sequence: u32, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(b"GET ");
        match &self.expect {
            Expect::OwnPath => out.extend_from_slice(&own_path(id, sequence)),
            Expect::Fixed { path, .. } => out.extend_from_slice(path.as_bytes()),
        }
        out.extend_from_slice(b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    }

    /// Judges all bytes that came since request `sequence` of connection `id` went out.
    pub fn judge(&mut self, id: u32, sequence: u32, bytes: &[u8]) -> Verdict {
        if self.head.is_empty() || !bytes.starts_with(&self.head) {
            match parse_head(bytes) {
                Ok(None) => return Verdict::NeedMore,
                Err(why) => return Verdict::Wrong(why),
                Ok(Some((head, length))) => {
                    self.head.clear();
                    self.head.extend_from_slice(&bytes[..head]);
                    self.body_length = length;
                }
            }
        }
        let body = &bytes[self.head.len()..];
        if body.len() < self.body_length {
            return Verdict::NeedMore;
        }
        if body.len() > self.body_length {
            let extra = body.len() - self.body_length;
            return Verdict::Wrong(format!(
                "{extra} bytes more than the one response asked for"
            ));
        }
        self.judge_body(id, sequence, body)
    }

    fn judge_body(&self, id: u32, sequence: u32, body: &[u8]) -> Verdict {
        let right = match &self.expect {
            Expect::OwnPath => body == own_body(id, sequence),
            Expect::Fixed {
                body: Some(wanted), ..
            } => body == wanted,
            Expect::Fixed { body: None, .. } => true,
        };
        match right {
            true => Verdict::Right,
            false => Verdict::Wrong(format!(
                "connection {id}, request {sequence}: unexpected body {:?}",
                String::from_utf8_lossy(&body[..body.len().min(80)])
            )),
        }
    }
}

const PATH: usize = 18;

/// `/<connection, 8 hex digits>/<request, 8 hex digits>`
fn own_path(id: u32, sequence: u32) -> [u8; PATH] {
    let mut path = [b'/'; PATH];
    put_hex(&mut path[1..9], u64::from(id));
    put_hex(&mut path[10..18], u64::from(sequence));
    path
}

/// The path, a space, its FNV-1a 64 sum in 16 hex digits, a newline.
fn own_body(id: u32, sequence: u32) -> [u8; PATH + 18] {
    let path = own_path(id, sequence);
    let mut body = [b' '; PATH + 18];
    body[..PATH].copy_from_slice(&path);
    put_hex(&mut body[PATH + 1..PATH + 17], fnv1a(&path));
    body[PATH + 17] = b'\n';
    body
}

fn put_hex(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Length of the head (its empty line included) and of the body it announces; `None` while the head is incomplete.
fn parse_head(bytes: &[u8]) -> Result<Option<(usize, usize)>, String> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let (version, rest) = status.split_once(' ').unwrap_or_default();
    if !version.starts_with("HTTP/1.") || !rest.starts_with("200") {
        let mut why = String::from("not a 200 response: ");
        // Writing to a String cannot fail.
        let _ = write!(why, "{:?}", status.chars().take(80).collect::<String>());
        return Err(why);
    }
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok());
    match length {
        Some(length) => Ok(Some((end + 4, length))),
        None => Err("the response has no Content-Length".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(body: &[u8]) -> Vec<u8> {
        let mut bytes =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn checksum_agrees_with_the_published_vectors() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_request_names_connection_and_number() {
        let mut out = b"old".to_vec();
        Checker::new(Expect::OwnPath).request(0x12, 0xab, &mut out);
        assert_eq!(
            out,
            b"GET /00000012/000000ab HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        );
    }

    #[test]
    fn the_right_body_is_right_also_when_the_head_is_known() {
        let mut checker = Checker::new(Expect::OwnPath);
        for sequence in 0..3 {
            assert_eq!(
                checker.judge(7, sequence, &response(&own_body(7, sequence))),
                Verdict::Right
            );
        }
    }

    #[test]
    fn every_prefix_needs_more() {
        let mut checker = Checker::new(Expect::OwnPath);
        let whole = response(&own_body(1, 2));
        for _ in 0..2 {
            for length in 0..whole.len() {
                assert_eq!(
                    checker.judge(1, 2, &whole[..length]),
                    Verdict::NeedMore,
                    "{length}"
                );
            }
            assert_eq!(checker.judge(1, 2, &whole), Verdict::Right);
        }
    }

    #[test]
    fn a_response_of_another_request_is_wrong() {
        let mut checker = Checker::new(Expect::OwnPath);
        assert!(matches!(
            checker.judge(1, 3, &response(&own_body(1, 2))),
            Verdict::Wrong(_)
        ));
        assert!(matches!(
            checker.judge(2, 2, &response(&own_body(1, 2))),
            Verdict::Wrong(_)
        ));
    }

    #[test]
    fn every_flipped_bit_of_the_body_is_wrong() {
        let mut checker = Checker::new(Expect::OwnPath);
        for bit in 0..own_body(1, 2).len() * 8 {
            let mut body = own_body(1, 2);
            body[bit / 8] ^= 1 << (bit % 8);
            assert!(
                matches!(checker.judge(1, 2, &response(&body)), Verdict::Wrong(_)),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn surplus_bytes_bad_status_and_missing_length_are_wrong() {
        let mut checker = Checker::new(Expect::OwnPath);
        let mut twice = response(&own_body(1, 2));
        twice.extend_from_within(..);
        assert!(matches!(checker.judge(1, 2, &twice), Verdict::Wrong(_)));
        assert!(matches!(
            checker.judge(1, 2, b"HTTP/1.1 500 No\r\n\r\n"),
            Verdict::Wrong(_)
        ));
        assert!(matches!(
            checker.judge(1, 2, b"HTTP/1.1 200 OK\r\n\r\n"),
            Verdict::Wrong(_)
        ));
        assert!(matches!(
            checker.judge(1, 2, b"nonsense\r\n\r\n"),
            Verdict::Wrong(_)
        ));
    }

    #[test]
    fn a_fixed_body_is_compared() {
        let fixed = |body: Option<&[u8]>| Expect::Fixed {
            path: "/".into(),
            body: body.map(<[u8]>::to_vec),
        };
        assert_eq!(
            Checker::new(fixed(Some(b"hi"))).judge(0, 0, &response(b"hi")),
            Verdict::Right
        );
        assert!(matches!(
            Checker::new(fixed(Some(b"hi"))).judge(0, 0, &response(b"ho")),
            Verdict::Wrong(_)
        ));
        assert_eq!(
            Checker::new(fixed(None)).judge(0, 0, &response(b"ho")),
            Verdict::Right
        );
    }
}
