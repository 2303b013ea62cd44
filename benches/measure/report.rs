use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::Measured;

/// The rows of one bench. Printed as they come; written to `target/reports/<bench>.json` at the end.
pub(crate) struct Report {
    bench: &'static str,
    rows: Vec<Value>,
    goals: Vec<Goal>,
    failures: Vec<String>,
}

/// Something that the numbers are to reach, and what they are.
struct Goal {
    what: String,
    met: bool,
    is: String,
}

impl Report {
    pub(crate) fn new(bench: &'static str) -> Self {
        println!("\n{bench}: best (median) of interleaved rounds, CPU time of this thread");
        Self { bench, rows: Vec::new(), goals: Vec::new(), failures: Vec::new() }
    }

    /// Adds a measured row.
    pub(crate) fn add(&mut self, row: &Measured) {
        println!("\n  {} [{}]", row.name, row.unit);
        let ours = row.ours().map_or(f64::NAN, |entry| entry.best);
        for entry in &row.entries {
            let ratio = if entry.best > 0.0 { ours / entry.best } else { f64::NAN };
            let (allocations, per) = row.unit.allocations(entry.allocations);
            // A row may compare our side with itself.
            let ratio = if ratio.is_nan() { String::new() } else { format!("drywire is {ratio:>6.2}x") };
            println!(
                "    {:<24} {:>10.1} ({:>10.1})   {ratio:<18}   {allocations:.4} allocations/{per}",
                entry.name, entry.best, entry.median
            );
        }
        let rivals: Map<_, _> =
            row.rivals().map(|entry| (entry.name.clone(), json!(round(entry.best)))).collect();
        self.push(&row.name, &row.unit.to_string(), ours, rivals, row.limit().map(|entry| entry.best));
    }

    /// Adds a row of numbers that were counted, not timed.
    pub(crate) fn count(
        &mut self,
        row: &str,
        unit: &str,
        ours: f64,
        rivals: &[(&str, f64)],
        limit: Option<f64>,
    ) {
        println!("\n  {row} [{unit}]\n    {:<24} {ours:>10.4}", "drywire");
        for (name, value) in rivals {
            println!("    {name:<24} {value:>10.4}");
        }
        if let Some(limit) = limit {
            println!("    {:<24} {limit:>10.4}", "limit");
        }
        self.record(row, unit, ours, rivals, limit);
    }

    /// Adds a row that was printed in another form.
    pub(crate) fn record(
        &mut self,
        row: &str,
        unit: &str,
        ours: f64,
        rivals: &[(&str, f64)],
        limit: Option<f64>,
    ) {
        let rivals = rivals.iter().map(|(name, value)| ((*name).to_owned(), json!(round(*value)))).collect();
        self.push(row, unit, ours, rivals, limit);
    }

    /// Demands something of the numbers: if it does not hold, the bench fails at its end.
    pub(crate) fn require(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.failures.push(what.into());
        }
    }

    /// Says beside the numbers whether a goal is reached. A goal that is missed does not fail the bench: it may be about
    /// time.
    pub(crate) fn goal(&mut self, what: impl Into<String>, met: bool, is: impl Into<String>) {
        let goal = Goal { what: what.into(), met, is: is.into() };
        println!("    {}", goal.line());
        self.goals.push(goal);
    }

    /// A goal about something that is the same in each run: if it is missed, the bench fails at its end.
    pub(crate) fn require_goal(&mut self, what: impl Into<String>, met: bool, is: impl Into<String>) {
        let (what, is) = (what.into(), is.into());
        self.require(met, format!("{what}: {is}"));
        self.goal(what, met, is);
    }

    fn push(&mut self, row: &str, unit: &str, ours: f64, rivals: Map<String, Value>, limit: Option<f64>) {
        self.rows.push(json!({
            "row": row,
            "unit": unit,
            "drywire": round(ours),
            "rivals": rivals,
            "limit": limit.map(round),
        }));
    }

    /// Writes the file and fails if a demand was not met.
    pub(crate) fn finish(self) {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
        let folder = target.join("reports");
        let path = folder.join(format!("{}.json", self.bench));
        if !self.goals.is_empty() {
            println!("\ngoals:");
        }
        for goal in &self.goals {
            println!("  {}", goal.line());
        }
        let text = serde_json::to_string_pretty(&self.rows).unwrap_or_default();
        if let Err(error) = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, text + "\n")) {
            println!("\n{}: {error}", path.display());
        } else {
            println!("\nwritten to {}", path.display());
        }
        if !self.failures.is_empty() {
            println!("\nnot met:\n  {}", self.failures.join("\n  "));
            std::process::exit(1);
        }
    }
}

impl Goal {
    fn line(&self) -> String {
        format!("[{}] {}: {}", if self.met { "met" } else { "missed" }, self.what, self.is)
    }
}

/// Four digits after the point are more than the noise allows.
fn round(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}
