//! The prompt: lines are collected until a statement is complete.

use std::path::PathBuf;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};
use tokio::runtime::Runtime;

use crate::script::{Item, items};
use crate::shell::{Outcome, Shell};

/// Runs the prompt until EXIT or the end of the input. Returns the exit code.
pub fn run(runtime: &Runtime, shell: &mut Shell) -> i32 {
    let config = Config::builder().auto_add_history(false).build();
    let mut editor: Editor<(), FileHistory> = match Editor::with_config(config) {
        Ok(editor) => editor,
        Err(error) => return crate::fail(&error.to_string()),
    };
    let history = history_path();
    if let Some(path) = &history {
        // The first time there is none.
        let _ = editor.load_history(path);
    }
    shell.at_prompt = true;
    say!("{}", shell.greeting());
    let code = read_lines(runtime, shell, &mut editor);
    if let Some(path) = &history {
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let saved = folder.map_err(ReadlineError::Io).and_then(|()| editor.save_history(path));
        if let Err(error) = saved {
            eprintln!("the history is not kept: {error}");
        }
    }
    code
}

fn read_lines(runtime: &Runtime, shell: &mut Shell, editor: &mut Editor<(), FileHistory>) -> i32 {
    let mut pending = String::new();
    loop {
        match editor.readline(&prompt(shell, pending.is_empty())) {
            Ok(line) => {
                pending.push_str(&line);
                pending.push('\n');
            }
            Err(ReadlineError::Interrupted) => {
                pending.clear();
                continue;
            }
            Err(ReadlineError::Eof) => return 0,
            Err(error) => return crate::fail(&error.to_string()),
        }
        let found = items(&pending);
        if !found.complete.is_empty() {
            let end = found.rest.and_then(|rest| pending.rfind(rest)).unwrap_or(pending.len());
            let complete = pending.get(..end).unwrap_or_default();
            // A history that cannot be written to is no reason to stop.
            let _ = editor.add_history_entry(complete.trim());
        }
        for item in found.complete {
            if run_item(runtime, shell, item) == Outcome::Exit {
                return 0;
            }
        }
        pending = found.rest.map(|rest| format!("{rest}\n")).unwrap_or_default();
    }
}

/// Runs one item; Ctrl-C stops waiting for it.
fn run_item(runtime: &Runtime, shell: &mut Shell, item: Item<'_>) -> Outcome {
    runtime.block_on(async {
        tokio::select! {
            outcome = shell.run(item) => outcome,
            _ = tokio::signal::ctrl_c() => {
                eprintln!("cancelled; the server may carry it out all the same");
                Outcome::Failed
            }
        }
    })
}

fn prompt(shell: &Shell, first: bool) -> String {
    let keyspace = shell.keyspace().map(|keyspace| format!(":{keyspace}")).unwrap_or_default();
    let name = format!("starling{keyspace}");
    if first { format!("{name}> ") } else { format!("{}... ", " ".repeat(name.chars().count().saturating_sub(2))) }
}

fn history_path() -> Option<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let data = data.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/share")))?;
    Some(data.join("starling/shell-history"))
}
