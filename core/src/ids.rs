/// One delivery of a message, as the driver numbered it.
///
/// The machine knows a delivery by this number alone; the handle that settles it on the server stays in the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// One batch of rows, on its [`Command::Write`](crate::Command::Write) and on its
/// [`Event::UploadResult`](crate::Event::UploadResult).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// What a message is, across deliveries.
///
/// The stream sequence alone is not enough. A stream that was deleted and created again, or a server that lost its
/// un-synced tail, hands out the same sequences once more for other messages; a sink that took one of those for
/// "already written" would ack what it never wrote. The time of publishing tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// The message's sequence in its stream, from 1.
    pub stream_sequence: u64,
    /// When the server stored the message: nanoseconds since the Unix epoch, by the server's clock.
    pub published_at: i64,
}
