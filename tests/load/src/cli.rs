//! Flags and their help, nothing else. Read by `main`; the drivers get these structs.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(
    name = "lichen-load",
    version,
    about = "Load generator, demo and bench of Lichen's tests"
)]
pub struct Cli {
    #[command(subcommand)]
    pub task: Task,
}

#[derive(Subcommand)]
pub enum Task {
    /// Make HTTP load on a running server and check each response.
    Http(HttpOptions),
    /// Show the main job: a threaded server, natively and under Lichen (scripts/demo).
    Demo(DemoOptions),
    /// Measure everything that docs/benchmarks.md lists (scripts/bench).
    Bench(BenchOptions),
}

#[derive(Args)]
pub struct HttpOptions {
    /// Port of the server on 127.0.0.1.
    #[arg(long)]
    pub port: u16,
    /// Connections to keep open.
    #[arg(long, short = 'n', default_value_t = 100)]
    pub connections: usize,
    /// Seconds to measure.
    #[arg(long, short = 's', default_value_t = 5.0)]
    pub seconds: f64,
    /// Seconds of the same load before that.
    #[arg(long, default_value_t = 1.0)]
    pub warmup: f64,
    /// Requests per second over all connections (default: closed loop, each connection as fast as it is answered).
    #[arg(long)]
    pub rate: Option<f64>,
    /// Bind the load to this CPU.
    #[arg(long)]
    pub cpu: Option<usize>,
    /// Ask always for this path instead of one per request; the body is then compared with --body.
    #[arg(long)]
    pub path: Option<String>,
    /// The body that --path must give (default: any).
    #[arg(long, requires = "path")]
    pub body: Option<String>,
    /// Seconds without any response after which the server counts as stuck.
    #[arg(long, default_value_t = 10.0)]
    pub patience: f64,
    /// One JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct DemoOptions {
    /// Connections to keep open.
    #[arg(long, short = 'n', default_value_t = 10_000)]
    pub connections: usize,
    /// Seconds to measure each of the three runs.
    #[arg(long, short = 's', default_value_t = 6.0)]
    pub seconds: f64,
    /// The server to show, a compiled tests/servers/threads.c.
    #[arg(long)]
    pub server: PathBuf,
    /// The lichen launcher.
    #[arg(long)]
    pub lichen: PathBuf,
    /// One JSON object on stdout instead of the tables.
    #[arg(long)]
    pub json: bool,
}

/// The benches, by the name that --only takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Part {
    /// The four servers at 10 to 10,000 connections, closed loop.
    Http,
    /// 2,000 requests per second over 1,000 connections.
    Paced,
    /// 10,000 idle connections: memory, CPU, system calls.
    Idle,
    /// System calls per request, counted by strace.
    Syscalls,
    /// Condition variable hand-off between two threads.
    Handoff,
    /// pthread_create + pthread_join.
    Create,
    /// 1,000 x usleep(100).
    Sleep,
    /// What a call costs on its way through Lichen, by kind of descriptor.
    Calls,
    /// poll over 10,000 descriptors.
    Poll,
    /// Most threads alive in one process.
    Threads,
    /// Start of a single-threaded program.
    Startup,
    /// From the first pthread_create to running threads.
    Activation,
    /// Looking through modules for system calls, for each MB of text.
    Scan,
    /// MariaDB under sysbench.
    Mariadb,
    /// stunnel at 200 TLS connections.
    Stunnel,
    /// curl --parallel and Python's requests over TLS.
    TlsClients,
    /// Apache's worker MPM under wrk.
    Apache,
    /// gunicorn with Flask, two workers of 1,000 threads.
    Gunicorn,
    /// A Java server with a thread per connection.
    Java,
}

#[derive(Args)]
pub struct BenchOptions {
    /// Only these parts (may be given several times).
    #[arg(long, value_enum)]
    pub only: Vec<Part>,
    /// Three short rounds instead of five long ones: good for a look, not for publishing.
    #[arg(long)]
    pub quick: bool,
    /// Rounds of each comparison (default 5, with --quick 3).
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Threads that `threads` tries to have alive under Lichen (default 1,000,000; with --quick 100,000).
    #[arg(long)]
    pub most_threads: Option<u64>,
    /// In `http`, measure this other build of liblichen.so as well: is the new one faster?
    #[arg(long, value_name = "LIBRARY")]
    pub beside: Option<PathBuf>,
    /// Only so many connections in `http` (may be given several times).
    #[arg(long)]
    pub connections: Vec<usize>,
    /// One JSON object on stdout instead of the tables.
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
    /// The tables as Markdown, for docs/benchmarks.md.
    #[arg(long)]
    pub markdown: bool,
    /// Where the programs to measure are, compiled by scripts/bench.
    #[arg(long)]
    pub programs: PathBuf,
    /// Where lichen, liblichen.so and the Rust servers are.
    #[arg(long)]
    pub release: PathBuf,
    /// Where the scripts are that start the real programs.
    #[arg(long, default_value = "tests/programs")]
    pub scripts: PathBuf,
}
