//! The loop of the load generator: all connections, one mio poll, one thread. Called by `super::Client` only.
//! Between [`Engine::open_all`] and each [`Engine::go`] nothing is in flight.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mio::{Events, Poll, Token};

use super::check::Checker;
use super::connection::{Connection, Scratch, Step};
use super::outcome::{Outcome, Tally};
use super::schedule::Schedule;
use super::timer::Timer;
use super::{Load, Pace, Progress, Watch};

/// How many connections may be between connect and first response: few enough for any listen backlog.
const OPENING_AT_ONCE: usize = 100;
const TIMER: Token = Token(usize::MAX);
const TICK: Duration = Duration::from_millis(100);
const INPUT_BYTES: usize = 64 * 1024;

pub struct Engine {
    pub load: Load,
    poll: Poll,
    timer: Timer,
    /// By token; `None` once lost.
    connections: Vec<Option<Connection>>,
    in_flight: usize,
    checker: Checker,
    scratch: Scratch,
    tally: Tally,
    schedule: Option<Schedule>,
    /// Closed loop: no new request from then on. `None` while connections are opened: one request each.
    until: Option<Instant>,
    last_response: Instant,
}

impl Engine {
    pub fn new(load: Load) -> Result<Engine> {
        let poll = Poll::new().context("epoll_create")?;
        let timer = Timer::new(poll.registry(), TIMER).context("timerfd")?;
        Ok(Engine {
            connections: Vec::with_capacity(load.connections),
            checker: Checker::new(load.expect.clone()),
            load,
            poll,
            timer,
            in_flight: 0,
            scratch: Scratch {
                input: vec![0; INPUT_BYTES],
                output: Vec::new(),
            },
            tally: Tally::new(),
            schedule: None,
            until: None,
            last_response: Instant::now(),
        })
    }

    /// Opens all connections and has each served once, so that the server has its thread and its buffers for each.
    pub fn open_all(&mut self, watch: &mut dyn Watch) -> Result<()> {
        let total = self.load.connections;
        self.last_response = Instant::now();
        let mut tick = Instant::now();
        let mut events = Events::with_capacity(1024);
        while self.connections.len() < total || self.in_flight > 0 {
            while self.connections.len() < total && self.in_flight < OPENING_AT_ONCE {
                self.open_one()?;
            }
            self.wait(&mut events)?;
            if tick.elapsed() >= TICK {
                tick = Instant::now();
                let open = self.connections.len() - self.in_flight;
                watch.progress(Progress::Opening { open, of: total })?;
            }
        }
        let outcome = std::mem::replace(&mut self.tally, Tally::new()).finish(TICK);
        if !outcome.is_clean() {
            bail!("while the connections were opened: {}", outcome.fault());
        }
        watch.progress(Progress::Opening {
            open: total,
            of: total,
        })
    }

    fn open_one(&mut self) -> Result<()> {
        let id = u32::try_from(self.connections.len()).context("too many connections")?;
        let connection = Connection::open(self.load.address, id, self.poll.registry())
            .map_err(|error| explain_connect(error, id))?;
        self.connections.push(Some(connection));
        self.in_flight += 1;
        Ok(())
    }

    /// Makes load for `length`, waits for the last response, and says what was seen.
    pub fn go(
        &mut self,
        length: Duration,
        watch: &mut dyn Watch,
        progress: impl Fn(Duration) -> Progress,
    ) -> Result<Outcome> {
        self.tally = Tally::new();
        let start = Instant::now();
        self.last_response = start;
        match self.load.pace {
            Pace::Closed => {
                self.until = Some(start + length);
                for index in 0..self.connections.len() {
                    self.send(index, Instant::now());
                }
            }
            Pace::Paced(per_second) => {
                self.until = Some(start);
                self.schedule = Some(Schedule::new(start, per_second, length));
            }
        }
        let mut tick = start;
        let mut events = Events::with_capacity(1024);
        loop {
            let more = self.send_due()?;
            if !more && self.in_flight == 0 {
                break;
            }
            self.wait(&mut events)?;
            if tick.elapsed() >= TICK {
                tick = Instant::now();
                watch.progress(progress(start.elapsed().min(length)))?;
            }
        }
        self.schedule = None;
        let tally = std::mem::replace(&mut self.tally, Tally::new());
        Ok(tally.finish(start.elapsed()))
    }

    /// Paced: sends what is due and sets the timer for the next. Returns whether more is to come.
    fn send_due(&mut self) -> Result<bool> {
        let Some(mut schedule) = self.schedule.take() else {
            return Ok(false);
        };
        while let Some((number, due)) = schedule.take(Instant::now()) {
            let index = number as usize % self.connections.len();
            match &mut self.connections[index] {
                Some(connection) if connection.in_flight => connection.waiting.push_back(due),
                _ => self.send(index, due),
            }
        }
        let next = schedule.due();
        self.schedule = Some(schedule);
        if let Some(next) = next {
            self.timer
                .set(next.saturating_duration_since(Instant::now()))
                .context("timerfd_settime")?;
        }
        Ok(next.is_some())
    }

    /// Waits for events, at most one tick, and handles them.
    fn wait(&mut self, events: &mut Events) -> Result<()> {
        match self.poll.poll(events, Some(TICK)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            result => result.context("epoll_wait")?,
        }
        for event in events.iter().filter(|event| event.token() != TIMER) {
            let index = event.token().0;
            if event.is_writable() {
                self.writable(index)?;
            }
            if event.is_readable() || event.is_error() {
                self.readable(index);
            }
        }
        if self.in_flight > 0 && self.last_response.elapsed() > self.load.patience {
            bail!(
                "the server is stuck: no response for {:.0} s while {} requests wait",
                self.load.patience.as_secs_f64(),
                self.in_flight
            );
        }
        Ok(())
    }

    fn writable(&mut self, index: usize) -> Result<()> {
        let Some(connection) = &mut self.connections[index] else {
            return Ok(());
        };
        if connection.connecting {
            match connection.finish_connect() {
                Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(()),
                result => result.map_err(|error| explain_connect(error, index as u32))?,
            }
            // It was counted as in flight since its connect.
            self.in_flight -= 1;
            self.send(index, Instant::now());
        } else if let Err(error) = connection.flush() {
            self.lose(index, error.to_string());
        }
        Ok(())
    }

    fn readable(&mut self, index: usize) {
        let Some(connection) = &mut self.connections[index] else {
            return;
        };
        if connection.connecting {
            return;
        }
        match connection.receive(&mut self.checker, &mut self.scratch) {
            Step::Wait => {}
            Step::Right => self.complete(index),
            Step::Lost(why) => self.lose(index, why),
            Step::Wrong(why) => {
                self.tally.wrong(why);
                self.forget(index);
            }
        }
    }

    fn complete(&mut self, index: usize) {
        let now = Instant::now();
        self.last_response = now;
        self.in_flight -= 1;
        let Some(connection) = &mut self.connections[index] else {
            return;
        };
        self.tally
            .right(now.saturating_duration_since(connection.since));
        if let Some(due) = connection.waiting.pop_front() {
            self.send(index, due);
        } else if self.until.is_some_and(|until| now < until) {
            self.send(index, now);
        }
    }

    fn send(&mut self, index: usize, since: Instant) {
        let Some(connection) = &mut self.connections[index] else {
            return;
        };
        match connection.send(since, &self.checker, &mut self.scratch) {
            Ok(()) => self.in_flight += 1,
            Err(error) => {
                connection.in_flight = false;
                self.lose(index, error.to_string());
            }
        }
    }

    fn lose(&mut self, index: usize, why: String) {
        self.tally.lost(why);
        self.forget(index);
    }

    /// Closes a connection that is of no more use.
    fn forget(&mut self, index: usize) {
        if let Some(connection) = self.connections[index].take() {
            self.in_flight -= usize::from(connection.in_flight);
        }
    }
}

fn explain_connect(error: std::io::Error, id: u32) -> anyhow::Error {
    let remedy = match error.kind() {
        ErrorKind::AddrNotAvailable => {
            ": out of local ports; wait a minute, or widen net.ipv4.ip_local_port_range"
        }
        ErrorKind::ConnectionRefused => ": is the server running?",
        _ => "",
    };
    anyhow::Error::new(error).context(format!("cannot open connection {id}{remedy}"))
}
