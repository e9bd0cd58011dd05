//! One keep-alive connection: connect, send a request, take its response. Owned by the engine, judged by `check`.
//! It never waits: each step does what the socket allows now and says what came of it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use super::check::{Checker, Verdict};

/// What a look at the socket brought.
#[derive(Debug)]
pub enum Step {
    /// Nothing yet.
    Wait,
    /// The response is complete and right.
    Right,
    /// It is not what was asked for.
    Wrong(String),
    /// The connection is gone.
    Lost(String),
}

/// Memory that all connections share, because only one is looked at at a time.
pub struct Scratch {
    pub input: Vec<u8>,
    pub output: Vec<u8>,
}

pub struct Connection {
    stream: TcpStream,
    id: u32,
    sequence: u32,
    /// From when the latency of the request in flight counts.
    pub since: Instant,
    pub in_flight: bool,
    pub connecting: bool,
    /// Paced: intended moments of requests that wait for the one in flight.
    pub waiting: VecDeque<Instant>,
    /// The start of a response that came in pieces.
    partial: Vec<u8>,
    /// The rest of a request that the socket did not take at once.
    unsent: Vec<u8>,
}

impl Connection {
    /// Begins to connect; a writable event says when it is done.
    pub fn open(address: SocketAddr, id: u32, registry: &Registry) -> io::Result<Connection> {
        let mut stream = TcpStream::connect(address)?;
        // A reset at the end instead of TIME_WAIT: runs in a row would otherwise use up the local ports.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        let token = Token(id as usize);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Connection {
            stream,
            id,
            sequence: 0,
            since: Instant::now(),
            in_flight: false,
            connecting: true,
            waiting: VecDeque::new(),
            partial: Vec::new(),
            unsent: Vec::new(),
        })
    }

    /// After a writable event: how the connect went.
    pub fn finish_connect(&mut self) -> io::Result<()> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        self.stream.peer_addr()?;
        self.connecting = false;
        self.stream.set_nodelay(true)
    }

    /// Sends the next request; its latency counts from `since`.
    pub fn send(
        &mut self,
        since: Instant,
        checker: &Checker,
        scratch: &mut Scratch,
    ) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        self.since = since;
        self.in_flight = true;
        checker.request(self.id, self.sequence, &mut scratch.output);
        let sent = write_some(&mut self.stream, &scratch.output)?;
        self.unsent.extend_from_slice(&scratch.output[sent..]);
        Ok(())
    }

    /// After a writable event: sends what was left over, if anything.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.unsent.is_empty() {
            let sent = write_some(&mut self.stream, &self.unsent)?;
            self.unsent.drain(..sent);
        }
        Ok(())
    }

    /// After a readable event. A complete response needs no second read, because nothing more was asked for. An
    /// incomplete one does, though the read was short: its end may have come in the same edge as the end of the stream.
    pub fn receive(&mut self, checker: &mut Checker, scratch: &mut Scratch) -> Step {
        loop {
            let got = match self.stream.read(&mut scratch.input) {
                Ok(0) => {
                    return Step::Lost(format!("connection {}: the server closed it", self.id));
                }
                Ok(got) => got,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Wait,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Step::Lost(format!("connection {}: {error}", self.id)),
            };
            if !self.in_flight {
                return Step::Wrong(format!(
                    "connection {}: bytes came that nobody asked for",
                    self.id
                ));
            }
            let step = self.judge(checker, &scratch.input[..got]);
            if !matches!(step, Step::Wait) {
                return step;
            }
        }
    }

    fn judge(&mut self, checker: &mut Checker, bytes: &[u8]) -> Step {
        let verdict = if self.partial.is_empty() {
            checker.judge(self.id, self.sequence, bytes)
        } else {
            self.partial.extend_from_slice(bytes);
            checker.judge(self.id, self.sequence, &self.partial)
        };
        match verdict {
            Verdict::NeedMore => {
                if self.partial.is_empty() {
                    self.partial.extend_from_slice(bytes);
                }
                Step::Wait
            }
            Verdict::Right => {
                self.partial.clear();
                self.in_flight = false;
                Step::Right
            }
            Verdict::Wrong(why) => Step::Wrong(why),
        }
    }
}

/// Writes what the socket takes now; 0 if it takes nothing.
fn write_some(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match stream.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
