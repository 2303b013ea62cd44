//! File transfer: a peer that says what it likes, to both ends at once.

use bytes::Bytes;
use drywire_file::{
    Control, FileName, MAX_CHUNK, Message, Offer, Prefix, Reason, Receiver, Sender, TransferId,
};

/// The name of our own transfer.
pub const ID: TransferId = TransferId([7; 16]);
/// The length of our own file, in bytes.
pub const LEN: u64 = 1000;

/// Steps, each of a byte that chooses and one that says how long the message is that follows.
pub fn run(mut data: &[u8]) {
    let provider = drywire_crypto_aws_lc::provider();
    let Some(offer) = Offer::new(ID, LEN, FileName::sanitized("ours")) else { return };
    let mut sender = Sender::new(&*provider, offer);
    let mut receiver = Receiver::new();
    let mut next = 0;
    while let [choice, len, rest @ ..] = data {
        let (bytes, rest) = rest.split_at(rest.len().min(usize::from(*len)));
        data = rest;
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        match choice % 12 {
            0 => sender.handle_text(text),
            1 => receiver.handle_text(text),
            2 => {
                if let Some(chunk) = receiver.handle_data(Bytes::copy_from_slice(bytes)) {
                    assert_eq!(chunk.offset, next, "a gap in the file");
                    assert_eq!(chunk.data, bytes);
                    next += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                }
            }
            3 => sender.connected(usize::from(*len)),
            4 => sender.disconnected(),
            5 => receiver.disconnected(),
            6 => {
                let mut prefix = Prefix::new(&*provider);
                prefix.update(bytes);
                let len = prefix.len();
                if receiver.accept(prefix).is_ok() {
                    next = len;
                }
            }
            7 => receiver.confirm(),
            8 => receiver.refuse(Reason::Cancelled),
            9 => sender.abandon(Reason::Cancelled),
            10 => {
                if let Some(wanted) = sender.wanted() {
                    assert!(wanted.len > 0 && wanted.len <= MAX_CHUNK && wanted.offset < LEN);
                }
                sender.supply(Bytes::copy_from_slice(bytes));
            }
            _ => {
                written(sender.poll_transmit());
                written(receiver.poll_transmit());
            }
        }
        for progress in [sender.progress(), receiver.progress()] {
            assert!(progress.acknowledged <= progress.transferred && progress.transferred <= progress.total);
        }
    }
    assert!(std::iter::from_fn(|| sender.poll_event()).count() <= 3, "events have piled up");
    assert!(std::iter::from_fn(|| receiver.poll_event()).count() <= 4, "events have piled up");
    for _ in 0..3 {
        written(receiver.poll_transmit());
    }
    assert_eq!(receiver.poll_transmit(), None, "messages have piled up");
}

/// What we say is understood by our own kind.
fn written(message: Option<Message>) {
    match message {
        Some(Message::Text(text)) => {
            let control: Control = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(control.to_string(), text);
        }
        Some(Message::Data(data)) => assert!(!data.is_empty()),
        None => {}
    }
}
