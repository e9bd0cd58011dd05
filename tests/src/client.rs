//! A keep-alive HTTP client with many connections, for the runner of real programs.
//!
//! Called by `tests/tests/programs.rs`. It is plain and sequential on purpose: it opens connections one after the
//! other, so that a server with a short backlog drops none, and then keeps them all open.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Longest wait for any one answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Open connections to one server on the loopback interface.
#[derive(Debug)]
pub struct Clients {
    connections: Vec<BufReader<TcpStream>>,
}

impl Clients {
    /// Opens `count` connections to `port` and fetches `path` once over each.
    ///
    /// # Errors
    /// One line naming the connection, when one fails or answers differently from the first.
    pub fn open(port: u16, count: usize, path: &str) -> Result<(Clients, String), String> {
        let mut clients = Clients {
            connections: Vec::with_capacity(count),
        };
        let mut first = None;
        for number in 0..count {
            let fail = |e: std::io::Error| format!("connection {number}: {e}");
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(fail)?;
            stream.set_read_timeout(Some(PATIENCE)).map_err(fail)?;
            let mut stream = BufReader::new(stream);
            ask(&mut stream, path).map_err(fail)?;
            let body = answer(&mut stream).map_err(fail)?;
            clients.connections.push(stream);
            same(number, first.get_or_insert_with(|| body.clone()), &body)?;
        }
        Ok((clients, first.unwrap_or_default()))
    }

    /// Sends a request over every connection, then reads every answer, and compares each body with `expected`.
    ///
    /// # Errors
    /// As [`Clients::open`].
    pub fn round(&mut self, path: &str, expected: &str) -> Result<(), String> {
        for (number, stream) in self.connections.iter_mut().enumerate() {
            ask(stream, path).map_err(|e| format!("connection {number}: {e}"))?;
        }
        for (number, stream) in self.connections.iter_mut().enumerate() {
            let body = answer(stream).map_err(|e| format!("connection {number}: {e}"))?;
            same(number, expected, &body)?;
        }
        Ok(())
    }
}

fn ask(stream: &mut BufReader<TcpStream>, path: &str) -> std::io::Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes())
}

fn answer(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut length = None;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse::<usize>().ok();
        }
    }
    let mut body = vec![0; length.ok_or(std::io::ErrorKind::InvalidData)?];
    stream.read_exact(&mut body)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn same(number: usize, expected: &str, body: &str) -> Result<(), String> {
    if body == expected {
        return Ok(());
    }
    Err(format!(
        "connection {number} answers {body:?}, expected {expected:?}"
    ))
}
