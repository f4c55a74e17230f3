use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use futures::future::join_all;
use futures::lock::Mutex;
use futures::stream::{self, Stream, StreamExt as _};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use jiff::SignedDuration;
use thiserror::Error;

use super::backoff::Backoff;
use super::port::{MAX_BATCH_ITEMS, WriteItems};

/// Batches under way at once. A batch takes DynamoDB 10 to 20 ms, so eight write over 10,000 items a second, above what a new
/// on-demand table takes (4,000); with [`MAX_BATCH_BYTES`] they hold at most some 30 MB.
const CONCURRENT_BATCHES: usize = 8;

/// A batch is full at this many bytes even with fewer items: 25 items may be 10 MB, and a batch is in memory three times while it
/// is sent.
const MAX_BATCH_BYTES: usize = 1 << 20;

/// Tries of a batch in a row that end neither with an answer nor with "too fast". Being too fast is waited out to the deadline.
const MAX_TRIES_WITHOUT_ANSWER: u32 = 8;

/// When the service has refused this many items as invalid, the table is not the one that they came from.
const MAX_REFUSED_ITEMS: usize = 100;

/// Items that could not be written.
#[derive(Debug, Error)]
#[error("{written_items} items were written, {} were not: {stop}", left.len())]
pub struct Unwritten {
    /// Items that were written.
    pub written_items: u64,
    /// Items that were taken and not written, or not known to be. Writing one of them again is harmless.
    pub left: Vec<Bytes>,
    /// Why it ended.
    pub stop: Stop,
}

/// Why writing ended early.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Stop {
    /// The time is up; go on with what is left in another invocation.
    #[error("the time is up")]
    Deadline,
    /// This went wrong. After `Invalid` all items are written but those that the service refuses.
    #[error("{0}")]
    Failed(PortError),
}

/// Writes the items of some lines to a table and says how many. See [`load_items`].
///
/// # Errors
/// All items that were not written come back.
pub async fn write_all<P, C>(port: &P, clock: &C, table: &str, items: Vec<Bytes>) -> Result<u64, Unwritten>
where
    P: WriteItems,
    C: Clock,
{
    let mut rest = items.into_iter();
    let result = load_items(port, clock, table, stream::iter(rest.by_ref().map(Ok))).await;
    result.map_err(|mut unwritten| {
        unwritten.left.extend(rest);
        unwritten
    })
}

/// Writes the items of a stream of lines to a table and says how many: some batches at once, slower when the table is too slow, until the
/// stream ends, the time is up, or something fails that waiting does not cure. The stream is not read ahead of that.
///
/// An item that the service refuses as invalid does not keep its batch from being written.
///
/// # Errors
/// The stream's own, or the table's. What was taken from the stream and not written comes back; what was not taken is still in
/// the stream (pass it by reference to go on).
pub async fn load_items<P, C, S>(port: &P, clock: &C, table: &str, items: S) -> Result<u64, Unwritten>
where
    P: WriteItems,
    C: Clock,
    S: Stream<Item = Result<Bytes, PortError>> + Send,
{
    let loader = Loader {
        port,
        clock,
        table,
        stop: OnceLock::new(),
        refusal: OnceLock::new(),
        refused: AtomicUsize::new(0),
        batches: AtomicU64::new(0),
    };
    let items = pin!(items);
    let source = Mutex::new(Source { items, carry: None });
    let mut total = Loaded::default();
    for done in join_all((0..CONCURRENT_BATCHES).map(|_| loader.work(&source))).await {
        total.written_items += done.written_items;
        total.left.extend(done.left);
    }
    // Left there when the batch before it was taken and it was time to stop.
    total.left.extend(source.into_inner().carry);
    let refusal = loader.refusal.into_inner().map(Stop::Failed);
    match loader.stop.into_inner().or(refusal) {
        None => Ok(total.written_items),
        Some(stop) => Err(Unwritten {
            written_items: total.written_items,
            left: total.left,
            stop,
        }),
    }
}

struct Source<S> {
    items: S,
    /// The item that did not fit into the batch before.
    carry: Option<Bytes>,
}

/// What became of some items.
#[derive(Default)]
struct Loaded {
    written_items: u64,
    left: Vec<Bytes>,
}

struct Loader<'a, P, C> {
    port: &'a P,
    clock: &'a C,
    table: &'a str,
    /// Set once: no batch is started or tried again after that.
    stop: OnceLock<Stop>,
    /// The first refusal of an item, which does not stop the others.
    refusal: OnceLock<PortError>,
    refused: AtomicUsize,
    /// Batches so far: each one's number spreads its pauses.
    batches: AtomicU64,
}

impl<P: WriteItems, C: Clock> Loader<'_, P, C> {
    /// Takes batches from the source and puts them until there are none or it is time to stop.
    async fn work<S>(&self, source: &Mutex<Source<S>>) -> Loaded
    where
        S: Stream<Item = Result<Bytes, PortError>> + Unpin,
    {
        let mut done = Loaded::default();
        while !self.is_stopped() {
            let batch = self.next_batch(&mut *source.lock().await).await;
            let Some(batch) = batch else { break };
            self.put_batch(batch, &mut done).await;
        }
        done
    }

    async fn next_batch<S>(&self, source: &mut Source<S>) -> Option<Vec<Bytes>>
    where
        S: Stream<Item = Result<Bytes, PortError>> + Unpin,
    {
        let mut batch: Vec<Bytes> = source.carry.take().into_iter().collect();
        let mut bytes: usize = batch.iter().map(Bytes::len).sum();
        while batch.len() < MAX_BATCH_ITEMS && !self.is_stopped() {
            match source.items.next().await {
                None => break,
                Some(Err(error)) => self.stop(Stop::Failed(error)),
                Some(Ok(item)) => {
                    bytes += item.len();
                    if bytes > MAX_BATCH_BYTES && !batch.is_empty() {
                        source.carry = Some(item);
                        break;
                    }
                    batch.push(item);
                }
            }
        }
        (!batch.is_empty()).then_some(batch)
    }

    fn stop(&self, stop: Stop) {
        // The first reason counts; later ones follow from it.
        _ = self.stop.set(stop);
    }

    fn is_stopped(&self) -> bool {
        self.stop.get().is_some()
    }

    /// Puts a batch, and when the service refuses it as invalid its halves, down to the items that are at fault.
    async fn put_batch(&self, batch: Vec<Bytes>, done: &mut Loaded) {
        let mut backoff = Backoff::new(self.batches.fetch_add(1, Ordering::Relaxed));
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            let refusal = self.put(&mut backoff, &mut part, &mut done.written_items).await;
            match refusal {
                Some(_) if part.len() > 1 => {
                    let half = part.split_off(part.len() / 2);
                    parts.extend([half, part]);
                }
                Some(error) => {
                    self.refuse(error);
                    done.left.append(&mut part);
                }
                None => done.left.append(&mut part),
            }
        }
    }

    /// Puts some items until they are written or it is time to stop; those that are not stay in `items`. Gives back the
    /// service's words when it refuses the items themselves.
    async fn put(&self, backoff: &mut Backoff, items: &mut Vec<Bytes>, written_items: &mut u64) -> Option<PortError> {
        while !items.is_empty() && !self.is_stopped() {
            if self.clock.remaining() <= SignedDuration::ZERO {
                self.stop(Stop::Deadline);
                return None;
            }
            // A copy, because a call that fails keeps what it was given.
            match self.port.write_items(self.table, items.clone()).await {
                Ok(left) => {
                    let written = items.len().saturating_sub(left.len());
                    *written_items += u64::try_from(written).unwrap_or(u64::MAX);
                    *items = left;
                    if written > 0 {
                        backoff.progress();
                    }
                }
                Err(error @ PortError::Invalid(_)) => return Some(error),
                Err(PortError::Throttled(_)) => {}
                Err(error) if error.is_retryable() && backoff.tries() < MAX_TRIES_WITHOUT_ANSWER => {}
                Err(error) => self.stop(Stop::Failed(error)),
            }
            if !items.is_empty() && !self.is_stopped() && !backoff.pause(self.clock).await {
                self.stop(Stop::Deadline);
            }
        }
        None
    }

    fn refuse(&self, error: PortError) {
        if self.refused.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_REFUSED_ITEMS {
            self.stop(Stop::Failed(error.clone()));
        }
        _ = self.refusal.set(error);
    }
}
