//! stub
use anyhow::Result;
pub fn run(_: &crate::cli::BenchOptions) -> Result<()> {
    Ok(())
}
