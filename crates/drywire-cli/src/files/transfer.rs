use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use drywire::Config;
use drywire_file::{Failure, FileName, Outcome};
use drywire_tokio::{Driver, Handle, Stopped, now};
use serde::Serialize;
use thiserror::Error;
use tokio::time::{Instant as Deadline, sleep, timeout_at};

use super::courier::{Courier, End, Interruption, Job};
use super::folder::{Folder, Source};
use super::incoming::{Incoming, Rules};
use super::outgoing::Outgoing;
use crate::arguments::{ReceiveOptions, SendOptions, TransferOptions};
use crate::network::{self, Network, NetworkError};
use crate::signalling::{self, SignallingError};

/// How long to wait before the next connection is tried.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is looked whether the connection still answers.
const CHECK: Duration = Duration::from_millis(500);

#[derive(Debug, Error)]
enum TransferError {
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Signalling(#[from] SignallingError),
    #[error(transparent)]
    Interruption(#[from] Interruption),
    #[error(transparent)]
    Stopped(#[from] Stopped),
    #[error("{} cannot be used: {error}", path.display())]
    Path { path: PathBuf, error: io::Error },
    #[error("the program is broken: {0}")]
    Task(#[from] tokio::task::JoinError),
    #[error("not done in time")]
    TooLate,
    #[error("the server keeps no files: it was started without --files")]
    OnlyEcho,
    #[error("the server has no such file")]
    NotFound,
    #[error("{0}")]
    Failed(Failure),
}

/// What became of a transfer: the one line of JSON that `drywire send` and `drywire receive` print.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// `ok` or `failed`.
    result: &'static str,
    /// What went wrong, in words.
    error: Option<String>,
    url: String,
    /// The name of the file; at the receiver, the one that it was stored under.
    name: Option<String>,
    /// The length of the file.
    bytes: u64,
    /// How many of them the receiver has.
    arrived: u64,
    /// How many of them the receiver had when the last connection began.
    resumed_at: u64,
    sha256: Option<String>,
    /// How many connections it took.
    connections: u32,
    seconds: f64,
}

impl Report {
    pub(crate) fn is_ok(&self) -> bool {
        self.result == "ok"
    }

    pub(crate) fn to_json(&self) -> String {
        // Strings and numbers only: that cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Sends a file.
pub(crate) async fn send(options: &SendOptions) -> Report {
    let provider = drywire::default_provider();
    match Source::open(&*provider, &options.file) {
        Ok(source) => transfer(&options.transfer, Job::Send(Outgoing::new(&*provider, source))).await,
        Err(error) => impossible(&options.transfer, options.file.clone(), error),
    }
}

/// Gets a file.
pub(crate) async fn receive(options: &ReceiveOptions) -> Report {
    match Folder::open(&options.into) {
        Ok(folder) => {
            let name = FileName::sanitized(&options.name);
            let rules = Rules { max_len: u64::MAX, rereads: true };
            let job = Job::Receive { name, folder, rules, incoming: Incoming::default() };
            transfer(&options.transfer, job).await
        }
        Err(error) => impossible(&options.transfer, options.into.clone(), error),
    }
}

fn impossible(options: &TransferOptions, path: PathBuf, error: io::Error) -> Report {
    let error = TransferError::Path { path, error };
    Report { result: "failed", error: Some(error.to_string()), url: options.url.clone(), ..Report::default() }
}

async fn transfer(options: &TransferOptions, job: Job) -> Report {
    let start = now();
    let mut report = Report { result: "failed", url: options.url.clone(), ..Report::default() };
    let result = run(options, job, Deadline::from(start + options.timeout), &mut report).await;
    report.seconds = now().saturating_duration_since(start).as_secs_f64();
    match result {
        Ok(()) => report.result = "ok",
        Err(error) => report.error = Some(error.to_string()),
    }
    report
}

async fn run(
    options: &TransferOptions,
    job: Job,
    deadline: Deadline,
    report: &mut Report,
) -> Result<(), TransferError> {
    let Network { endpoint, sockets, config } = network::open(&options.network)?;
    let courier = Courier::new(drywire::default_provider(), job);
    let (mut driver, handle) = Driver::new(endpoint, sockets, courier);
    network::reach(&mut driver, &options.network).await?;
    let driver = tokio::spawn(driver.run());
    network::gathered(&handle, &options.network).await;
    let mut result = connect(options, &handle, config.clone(), deadline).await;
    report.connections = 1;
    // Whoever was never reached is not tried again; what has begun is taken up until the time is over.
    let begun = handle.call(|_, _, courier| courier.progress().acknowledged > 0).await?;
    while let Err(TransferError::Interruption(_) | TransferError::Signalling(_)) = &result
        && begun
        && Deadline::now() + PAUSE < deadline
    {
        sleep(PAUSE).await;
        result = connect(options, &handle, config.clone(), deadline).await;
        report.connections += 1;
    }
    tell(&handle, report).await?;
    // The driver sends the farewell before it ends.
    drop(handle);
    let _ = timeout_at(Deadline::now() + Duration::from_secs(1), driver).await;
    match result? {
        End::Over(Outcome::Done(hash)) => {
            report.sha256 = Some(hash.to_string());
            Ok(())
        }
        End::Over(Outcome::Failed(failure)) => Err(TransferError::Failed(failure)),
        End::OnlyEcho => Err(TransferError::OnlyEcho),
        End::NotFound => Err(TransferError::NotFound),
    }
}

/// One connection, until the transfer is over or the connection is.
async fn connect(
    options: &TransferOptions,
    handle: &Handle<Courier>,
    config: Arc<Config>,
    deadline: Deadline,
) -> Result<End, TransferError> {
    let (offer, mut end) =
        handle.call(move |now, endpoint, courier| courier.offer(now, endpoint, config)).await??;
    let (url, limit) = (options.url.clone(), deadline.saturating_duration_since(Deadline::now()));
    let sdp = offer.to_string();
    let posting = tokio::task::spawn_blocking(move || signalling::post(&url, &sdp, limit));
    let answer = timeout_at(deadline, posting).await.map_err(|_| TransferError::TooLate)???;
    handle.call(move |now, endpoint, courier| courier.take_answer(now, endpoint, &answer)).await??;
    loop {
        match timeout_at(deadline.min(Deadline::now() + CHECK), &mut end).await {
            Ok(Ok(end)) => return Ok(end?),
            Ok(Err(_)) => return Err(Stopped.into()),
            Err(_) if Deadline::now() >= deadline => return Err(TransferError::TooLate),
            Err(_) => handle.call(|now, _, courier| courier.check(now)).await?,
        }
    }
}

/// Puts the figures of the transfer into the report, and closes the connection.
async fn tell(handle: &Handle<Courier>, report: &mut Report) -> Result<(), Stopped> {
    let (name, progress, offset) = handle
        .call(|now, endpoint, courier| {
            courier.hang_up(now, endpoint);
            let (name, offset) = match &courier.job {
                Job::Send(outgoing) => (Some(outgoing.sender.offer().name().to_string()), outgoing.offset),
                Job::Receive { incoming, .. } => {
                    (incoming.stored.as_ref().map(ToString::to_string), incoming.offset)
                }
            };
            (name, courier.progress(), offset)
        })
        .await?;
    report.name = name;
    report.bytes = progress.total;
    report.arrived = progress.acknowledged;
    report.resumed_at = offset;
    Ok(())
}
