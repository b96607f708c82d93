//! The printed report.

use std::process::ExitCode;

/// Prints figures, and counts the goals that are missed.
pub(crate) struct Report {
    /// Small sizes say nothing about goals of speed and size.
    is_full: bool,
    missed: usize,
}

impl Report {
    pub(crate) fn new(is_full: bool) -> Self {
        Self { is_full, missed: 0 }
    }

    pub(crate) fn line(&self, text: &str) {
        println!("{text}");
    }

    pub(crate) fn title(&self, text: &str) {
        println!("\n{text}");
    }

    /// Prints one figure.
    pub(crate) fn figure(&self, name: &str, value: f64, unit: &str) {
        println!("  {name:<58} {:>11} {unit}", number(value));
    }

    /// Prints a figure that has to be at least `goal`.
    pub(crate) fn at_least(&mut self, name: &str, value: f64, goal: f64) {
        self.judge(name, value, &format!("at least {}", number(goal)), value >= goal);
    }

    /// Prints a figure that has to be at most `goal`.
    pub(crate) fn at_most(&mut self, name: &str, value: f64, goal: f64) {
        self.judge(name, value, &format!("at most {}", number(goal)), value <= goal);
    }

    /// Prints a count that has to be 0, even with small sizes.
    pub(crate) fn none(&mut self, name: &str, count: u64) {
        self.print(name, count as f64, "none", Some(count == 0));
    }

    fn judge(&mut self, name: &str, value: f64, goal: &str, is_met: bool) {
        self.print(name, value, goal, self.is_full.then_some(is_met));
    }

    fn print(&mut self, name: &str, value: f64, goal: &str, is_met: Option<bool>) {
        self.missed += usize::from(is_met == Some(false));
        let outcome = is_met.map_or("", |is_met| if is_met { ", met" } else { ", MISSED" });
        println!("  {name:<58} {:>11} (goal: {goal}{outcome})", number(value));
    }

    /// Returns failure if a goal is missed.
    pub(crate) fn end(&self) -> ExitCode {
        if self.missed == 0 {
            return ExitCode::SUCCESS;
        }
        println!("\n{} goals are missed", self.missed);
        ExitCode::FAILURE
    }
}

/// Formats a number with at least three digits, and commas.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value < 1_000.0 {
        return format!("{value}");
    }
    if value < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns the median: the middle value, or the lower of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}
