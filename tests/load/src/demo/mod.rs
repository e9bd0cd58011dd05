//! stub
use anyhow::Result;
pub fn run(_: &crate::cli::DemoOptions) -> Result<()> {
    Ok(())
}
