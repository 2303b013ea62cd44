//! The client of an echo server: offers, connects, sends, and checks what comes back.

mod caller;
mod report;

use std::time::Duration;

use drywire::Instant;
use drywire_tokio::{Driver, Handle, Stopped, now};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::{Instant as Deadline, sleep, timeout_at};

use self::caller::{CallError, Caller, PACKETS, Progress};
use self::report::{Outcome, Pair, Report};
use crate::arguments::DialOptions;
use crate::milliseconds;
use crate::network::{self, Network, NetworkError};
use crate::signalling::{self, SignallingError};

/// The time between two packets of audio.
const PACKET_INTERVAL: Duration = Duration::from_millis(20);
/// How long the last packets of audio may take to come back.
const PACKET_PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug, Error)]
enum DialError {
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Signalling(#[from] SignallingError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Stopped(#[from] Stopped),
    #[error("the program is broken: {0}")]
    Task(#[from] tokio::task::JoinError),
    #[error("no audio came back: {0} packets were sent")]
    NoAudio(usize),
    #[error("not done in time: {0}")]
    TooLate(&'static str),
}

/// Calls, and tells what became of it. Never takes much longer than the time allowed.
pub(crate) async fn run(options: &DialOptions) -> Report {
    let start = now();
    let mut report = Report::new(&options.url);
    match call(options, start, &mut report).await {
        Ok(()) => report.result = Outcome::Ok,
        Err(error) => report.error = Some(error.to_string()),
    }
    report
}

async fn call(options: &DialOptions, start: Instant, report: &mut Report) -> Result<(), DialError> {
    let deadline = Deadline::from(start + options.timeout);
    let Network { endpoint, sockets, config } = network::open(&options.network)?;
    let (caller, end) = Caller::new();
    let (mut driver, handle) = Driver::new(endpoint, sockets, caller);
    network::reach(&mut driver, &options.network).await?;
    let driver = tokio::spawn(driver.run());
    network::gathered(&handle, &options.network).await;

    let audio = !options.data_only;
    let offer =
        handle.call(move |now, endpoint, caller| caller.offer(now, endpoint, config, audio)).await??;
    report.timings_ms.offered = Some(since(start, now()));

    let result = exchange(options, deadline, &handle, offer.to_string(), start, report, end).await;
    gather(&handle, start, report).await?;
    // The driver sends the farewell before it ends.
    drop(handle);
    let _ = timeout_at(Deadline::now() + Duration::from_secs(1), driver).await;
    result
}

/// Posts the offer, and waits until everything is back.
async fn exchange(
    options: &DialOptions,
    deadline: Deadline,
    handle: &Handle<Caller>,
    offer: String,
    start: Instant,
    report: &mut Report,
    end: oneshot::Receiver<Result<(), CallError>>,
) -> Result<(), DialError> {
    let (url, limit) = (options.url.clone(), deadline.saturating_duration_since(Deadline::now()));
    let posting = tokio::task::spawn_blocking(move || signalling::post(&url, &offer, limit));
    let answer = timeout_at(deadline, posting).await;
    let answer = answer.map_err(|_| DialError::TooLate("the server has not answered"))???;
    report.timings_ms.answered = Some(since(start, now()));
    handle.call(move |now, endpoint, caller| caller.take_answer(now, endpoint, &answer)).await??;

    let audio = timeout_at(deadline, send_audio(handle, !options.data_only));
    let messages = timeout_at(deadline, end);
    tokio::pin!(audio, messages);
    let result = tokio::select! {
        result = &mut messages => {
            if let Ok(Ok(Ok(()))) = result {
                let _ = audio.await;
            }
            result
        }
        _ = &mut audio => messages.await,
    };
    let progress = handle.call(|_, _, caller| caller.progress.clone()).await?;
    match result {
        Ok(Ok(result)) => result?,
        Ok(Err(_)) => return Err(Stopped.into()),
        Err(_) => return Err(DialError::TooLate(stage(&progress))),
    }
    if progress.packets > 0 && progress.packets_echoed == 0 {
        return Err(DialError::NoAudio(progress.packets));
    }
    Ok(())
}

/// Sends a second of audio once connected, and waits for its echo a little.
async fn send_audio(handle: &Handle<Caller>, wanted: bool) {
    if !wanted {
        return;
    }
    while let Ok(None) = handle.call(|_, _, caller| caller.progress.connected).await {
        sleep(PACKET_INTERVAL).await;
    }
    for number in 0..PACKETS {
        if handle.call(move |now, endpoint, caller| caller.send_packet(now, endpoint, number)).await.is_err()
        {
            return;
        }
        sleep(PACKET_INTERVAL).await;
    }
    let patience = Deadline::now() + PACKET_PATIENCE;
    while Deadline::now() < patience {
        match handle.call(|_, _, caller| caller.progress.clone()).await {
            Ok(progress) if progress.packets_echoed < progress.packets => sleep(PACKET_INTERVAL).await,
            _ => return,
        }
    }
}

/// What was waited for when the time was over.
fn stage(progress: &Progress) -> &'static str {
    if progress.connected.is_none() {
        "not connected; are the server's UDP port and its addresses reachable from here?"
    } else if progress.opened.is_none() {
        "connected, but the data channel is not open"
    } else {
        "the data channel is open, but not all messages are back"
    }
}

/// Puts the figures of the call into the report, and closes it.
async fn gather(handle: &Handle<Caller>, start: Instant, report: &mut Report) -> Result<(), Stopped> {
    let (progress, stats) = handle
        .call(|now, endpoint, caller| {
            let mut peer = caller.peer().and_then(|id| endpoint.peer_mut(id));
            let stats = peer.as_ref().map(|peer| peer.stats());
            if let Some(peer) = &mut peer {
                peer.close(now);
            }
            (caller.progress.clone(), stats)
        })
        .await?;
    if let Some(stats) = stats {
        if let Some(info) = stats.dtls {
            report.dtls_version = Some(info.version.to_string());
            report.cipher_suite = Some(info.cipher_suite.to_string());
            report.group = Some(info.group.to_string());
            report.srtp_profile = info.srtp_profile.map(|profile| profile.to_string());
        }
        report.selected_pair = stats.selected_pair.as_ref().map(Pair::new);
        report.rtt_ms = stats.round_trip_time.map(milliseconds);
    }
    let timings = &mut report.timings_ms;
    timings.connected = progress.connected.map(|at| since(start, at));
    timings.opened = progress.opened.map(|at| since(start, at));
    timings.echoed = progress.echoed.map(|at| since(start, at));
    report.messages = progress.messages;
    report.messages_echoed = progress.messages_echoed;
    report.bytes_echoed = progress.bytes_echoed;
    report.packets = progress.packets;
    report.packets_echoed = progress.packets_echoed;
    Ok(())
}

fn since(start: Instant, at: Instant) -> f64 {
    milliseconds(at.saturating_duration_since(start))
}
