//! Goes through the steps and reports each on standard output.

use anyhow::Result;
use serde_json::Value;

use crate::driver::{Driver, Failure};
use crate::script::{self, Settings};
use crate::steps::Steps;

const INVALID: i32 = 0x2200;

/// Carries out the script with one driver.
pub struct Runner<'a, D: Driver> {
    settings: &'a Settings,
    steps: Steps<'a, D>,
    failures: usize,
}

impl<'a, D: Driver> Runner<'a, D> {
    /// Connects.
    pub async fn connect(settings: &'a Settings) -> Result<Self> {
        Ok(Runner { settings, steps: Steps::connect(settings).await?, failures: 0 })
    }

    /// All steps; the number of those that failed.
    pub async fn run(mut self) -> Result<usize> {
        let settings = self.settings;
        let skipped = &settings.script["skipped"][&settings.client];
        let refused = &settings.script["refused"];
        for step in settings.steps()? {
            let id = script::text(step, "id")?;
            if settings.is_listed(skipped, id) {
                println!("skipped {id}");
            } else if settings.is_listed(refused, id) {
                let outcome = self.steps.try_refused(step).await;
                self.report_refused(id, outcome);
            } else if let Some(cases) = step["cases"].as_array() {
                self.run_cases(id, step, cases).await;
            } else {
                let outcome = self.steps.step(step).await;
                self.report(id, outcome);
            }
        }
        Ok(self.failures)
    }

    async fn run_cases(&mut self, id: &str, step: &'a Value, cases: &'a [Value]) {
        // Where this fails, each case will, and say so.
        if let Err(failure) = self.steps.create(step).await {
            eprintln!("{id}: {failure}");
        }
        for (number, case) in cases.iter().enumerate() {
            let outcome = self.steps.case(step, number, case).await;
            self.report(&format!("{id}/{number}"), outcome);
        }
    }

    fn report(&mut self, id: &str, outcome: Result<(), Failure>) {
        match outcome {
            Ok(()) => println!("ok {id}"),
            Err(failure) => self.fail(id, &failure.to_string()),
        }
    }

    fn report_refused(&mut self, id: &str, outcome: Result<(), Failure>) {
        match outcome {
            Err(Failure::Server { code: INVALID, .. }) => println!("refused {id}"),
            Err(failure) => self.fail(id, &failure.to_string()),
            Ok(()) => self.fail(id, "it is not refused"),
        }
    }

    fn fail(&mut self, id: &str, why: &str) {
        self.failures += 1;
        let mut line = why.split_whitespace().collect::<Vec<&str>>().join(" ");
        if let Some((end, _)) = line.char_indices().nth(1_000) {
            line.truncate(end);
        }
        println!("failed {id}: {line}");
    }
}
