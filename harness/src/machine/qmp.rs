// SPDX-License-Identifier: GPL-2.0-or-later
//! As much of QMP as a snapshot needs: capabilities, stop, migrate, quit.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, Result};

/// How long QEMU may take to answer: it answers in milliseconds, or it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to QEMU's monitor.
#[derive(Debug)]
pub struct Qmp {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Qmp {
    /// Connects to a socket on which QEMU listens, and negotiates.
    ///
    /// # Errors
    ///
    /// Infrastructure, when QEMU does not listen or does not answer.
    pub fn connect(socket: &Path) -> Result<Self> {
        let connected = UnixStream::connect(socket).and_then(|stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok((stream.try_clone()?, stream))
        });
        let (reader, writer) = connected.map_err(|error| Error::io("connect to", socket, error))?;
        let mut qmp = Self { reader: BufReader::new(reader), writer };
        qmp.line()?;
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Sends a command; the answer is read by [`Qmp::answer`].
    ///
    /// # Errors
    ///
    /// Infrastructure, when QEMU is gone.
    pub fn send(&mut self, command: &str, arguments: &Value) -> Result<()> {
        let mut text = json!({"execute": command, "arguments": arguments}).to_string();
        text.push('\n');
        self.writer.write_all(text.as_bytes()).map_err(|error| broken(&error.to_string()))
    }

    /// Reads the answer to the oldest command that has none yet, passing over events.
    ///
    /// # Errors
    ///
    /// Infrastructure, when QEMU is gone, hangs, or refuses the command.
    pub fn answer(&mut self) -> Result<Value> {
        loop {
            let mut line = self.line()?;
            if let Some(error) = line.get("error") {
                return Err(broken(&error["desc"].to_string()));
            }
            if let Some(value) = line.get_mut("return") {
                return Ok(value.take());
            }
        }
    }

    /// Sends a command and reads its answer.
    ///
    /// # Errors
    ///
    /// As [`Qmp::answer`].
    pub fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        self.send(command, arguments)?;
        self.answer()
    }

    fn line(&mut self) -> Result<Value> {
        let mut text = String::new();
        match self.reader.read_line(&mut text) {
            Ok(0) => Err(broken("it closed the connection")),
            Ok(_) => serde_json::from_str(&text).map_err(|error| broken(&error.to_string())),
            Err(error) => Err(broken(&error.to_string())),
        }
    }
}

fn broken(why: &str) -> Error {
    Error::infrastructure(format!("QEMU's monitor: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    /// Answers like QEMU: a greeting, then one prepared line per command.
    fn monitor(socket: &Path, answers: Vec<&'static str>) -> std::thread::JoinHandle<Vec<String>> {
        let listener = UnixListener::bind(socket).unwrap();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut writer = stream.try_clone().unwrap();
            writeln!(writer, r#"{{"QMP": {{}}}}"#).unwrap();
            let mut lines = BufReader::new(stream).lines();
            answers
                .into_iter()
                .map(|answer| {
                    let command = lines.next().unwrap().unwrap();
                    writer.write_all(answer.as_bytes()).unwrap();
                    command
                })
                .collect()
        })
    }

    #[test]
    fn events_are_passed_over_and_errors_are_reported() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("qmp");
        let answers = vec![
            "{\"return\": {}}\n",
            "{\"event\": \"STOP\"}\n{\"return\": {\"status\": \"completed\"}}\n",
            "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such file\"}}\n",
        ];
        let server = monitor(&socket, answers);
        let mut qmp = Qmp::connect(&socket).unwrap();
        assert_eq!(qmp.execute("query-migrate", &json!({})).unwrap()["status"], "completed");
        let error = qmp.execute("migrate", &json!({"uri": "file:x"})).unwrap_err();
        assert!(error.to_string().contains("no such file"), "{error}");
        assert!(server.join().unwrap()[2].contains(r#""uri":"file:x""#));
    }
}
