//! Putting a point's records into a stream: those of a partition key in their order, resumable.

use std::collections::{BTreeSet, HashSet, VecDeque};

use holdfast_catalog::{Manifest, PackUse, ResourceId};
use holdfast_vault::port::{Clock, ListObjects, ReadObjects, WriteObjects};
use holdfast_vault::{PortError, read_committed_part, read_pack};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::so_far::{Place, SoFar};
use super::{Record, WriteRecords, shards};
use crate::call::kinesis::PutRecords;
use crate::dynamodb::backoff::Backoff;
use crate::dynamodb::refill::Progress;
use crate::wiring::at::At;

/// Records a call puts at most; the service's maximum.
const MAX_RECORDS: usize = 500;

/// Bytes of data in base64 and partition keys that a call has at most, or one record: the service takes 5 MB of data.
const MAX_BYTES: usize = 4 << 20;

/// Shards whose records are put side by side, of those that do not have to wait for each other: their packs are in memory.
const LANES: usize = 8;

/// Records behind the first that is left which are looked at for a call: they have to be noted one by one.
const WINDOW_RECORDS: usize = 5000;

/// Nothing new is begun this long before the invocation ends.
const STOP_BEFORE_END: SignedDuration = SignedDuration::from_secs(30);

/// What was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refilled {
    /// Records of the point, each of which is in the stream at least once.
    pub items: u64,
    /// Records that may be in the stream twice, at most: a call's answer was lost, or an invocation ended in the middle of one.
    pub doubled_items: u64,
    /// Whether it was all done before, and nothing now.
    pub was_done: bool,
}

/// Puts all records of a point into a stream: parents' before their children's, those of a shard in order of their sequence
/// numbers. They come from `source`; `store` holds the marks below `work`, which are this very stream's and no other's of its
/// name: so a damaged copy can be left for another one in the middle.
///
/// A call may take a part of its records only. So none has two of the same partition key, and what was refused is in the next:
/// the records of a key arrive in their order. One that may be there already comes again before the next of its key.
///
/// # Errors
/// `Corrupt` when the point is damaged; `Conflict` when another invocation works at the same restore; those of the stream and
/// of the store. Asked again, it goes on where it stopped.
pub async fn refill<P, S, W, C>(
    port: &P,
    source: &S,
    store: &W,
    clock: &C,
    manifest: &Manifest,
    target: &ResourceId,
    work: &str,
) -> Result<Progress<Refilled>, PortError>
where
    P: WriteRecords,
    S: ReadObjects,
    W: ReadObjects + ListObjects + WriteObjects,
    C: Clock,
{
    let at = At { port, id: target };
    let made_at = shards::made_at(&at).await?.as_millisecond();
    let mut so_far = SoFar::take(store, &format!("{work}stream-{made_at}/")).await?;
    let was_done = so_far.is_finished();
    if !was_done {
        let end = put_all(&at, source, clock, manifest, &mut so_far).await;
        let noted = match end {
            Ok(Progress::Complete(())) => so_far.finish().await,
            Ok(Progress::OutOfTime) | Err(_) => so_far.rest().await,
        };
        if end? == Progress::OutOfTime {
            noted?;
            return Ok(Progress::OutOfTime);
        }
        noted?;
    }
    Ok(Progress::Complete(Refilled {
        items: manifest.data.as_ref().map_or(0, |data| data.items),
        doubled_items: so_far.doubled_items(),
        was_done,
    }))
}

async fn put_all<P, S, W, C>(
    at: &At<'_, P>,
    source: &S,
    clock: &C,
    manifest: &Manifest,
    so_far: &mut SoFar<'_, W>,
) -> Result<Progress<()>, PortError>
where
    P: WriteRecords,
    S: ReadObjects,
    W: ReadObjects + ListObjects + WriteObjects,
    C: Clock,
{
    let mut lanes = lanes(source, manifest, so_far).await?;
    let mut backoff = Backoff::new(0);
    loop {
        if clock.remaining() < STOP_BEFORE_END {
            return Ok(Progress::OutOfTime);
        }
        let open = open(&lanes);
        for lane in &open {
            lanes[*lane].load(source).await?;
        }
        let call = next_call(&lanes, &open);
        if call.picks.is_empty() {
            if open.is_empty() {
                return Ok(Progress::Complete(()));
            }
            continue;
        }
        so_far.check().await?;
        let size = call.picks.len();
        so_far.begin_call(size as u64);
        let verdicts = match put(at, &call).await {
            Ok(verdicts) => verdicts,
            Err(error) if error.is_retryable() => {
                if !matches!(error, PortError::Throttled(_)) {
                    so_far.doubt(size as u64);
                }
                if !backoff.pause(clock).await {
                    return Ok(Progress::OutOfTime);
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        let records = judge(&mut lanes, &call.picks, verdicts, so_far).await?;
        // A stream that takes less than it is given is given time: each try sends all that is left of a call.
        if records * 2 >= size {
            backoff.progress();
        }
        if records < size && !backoff.pause(clock).await {
            return Ok(Progress::OutOfTime);
        }
    }
}

/// Notes what became of a call. Gives the number of records that are in the stream now.
async fn judge<W: ReadObjects + ListObjects + WriteObjects>(
    lanes: &mut [Lane],
    picks: &[Pick],
    verdicts: Vec<Verdict>,
    so_far: &mut SoFar<'_, W>,
) -> Result<usize, PortError> {
    let (mut put, mut refusal, mut doubtful) = (BTreeSet::new(), None, 0);
    for (pick, verdict) in picks.iter().zip(verdicts) {
        match verdict {
            Verdict::Put => _ = put.insert(*pick),
            Verdict::TooFast => {}
            Verdict::Unknown => doubtful += 1,
            Verdict::Refused(why) => refusal = Some(why),
        }
    }
    for (number, lane) in lanes.iter_mut().enumerate() {
        lane.put(|line| put.contains(&(number, line)));
    }
    if !put.is_empty() {
        let places = lanes.iter().map(|lane| (lane.shard.as_str(), &lane.place));
        so_far.note(put.len() as u64, places).await?;
    }
    so_far.doubt(doubtful);
    match refusal {
        Some(why) => Err(PortError::Invalid(format!("the stream refuses a record: {why}"))),
        None => Ok(put.len()),
    }
}

/// A shard of the point whose records are being put.
struct Lane {
    shard: String,
    parents: Vec<String>,
    packs: Vec<PackUse>,
    place: Place,
    /// What is left of the pack at hand, by line; empty where it was not read yet.
    waiting: VecDeque<(u32, Record)>,
}

impl Lane {
    fn is_finished(&self) -> bool {
        self.place.packs >= self.packs.len()
    }

    /// Reads the pack at hand, unless it was.
    async fn load<S: ReadObjects>(&mut self, source: &S) -> Result<(), PortError> {
        let Some(pack) = self.packs.get(self.place.packs).filter(|_| self.waiting.is_empty()) else {
            return Ok(());
        };
        let pack = read_pack(source, pack).await?;
        for (number, line) in (0..).zip(pack.lines()) {
            if !self.place.is_put(number) {
                self.waiting.push_back((number, Record::parse(line)?));
            }
        }
        if self.waiting.is_empty() {
            self.place.next_pack();
        }
        Ok(())
    }

    /// Takes the lines away that are in the stream now.
    fn put(&mut self, is_put: impl Fn(u32) -> bool) {
        let had_some = !self.waiting.is_empty();
        self.waiting.retain(|(line, _)| {
            let is_put = is_put(*line);
            if is_put {
                self.place.put(*line);
            }
            !is_put
        });
        if had_some && self.waiting.is_empty() {
            self.place.next_pack();
        }
    }
}

async fn lanes<S: ReadObjects, W: ReadObjects + ListObjects + WriteObjects>(
    source: &S,
    manifest: &Manifest,
    so_far: &SoFar<'_, W>,
) -> Result<Vec<Lane>, PortError> {
    let mut lanes = Vec::new();
    for part in manifest.data.iter().flat_map(|data| &data.parts) {
        let recipe = read_committed_part(source, &manifest.point, part).await?;
        let stream = recipe.stream.ok_or_else(|| {
            let shard = part.shard;
            PortError::Corrupt(format!("shard {shard} of {} is of no stream", manifest.point))
        })?;
        lanes.push(Lane {
            place: so_far.place(&stream.shard.id),
            shard: stream.shard.id,
            parents: stream.shard.parents,
            packs: recipe.packs,
            waiting: VecDeque::new(),
        });
    }
    Ok(lanes)
}

/// The lanes that go on: those that wait for no parent. They stand in order of their shards' ids, which has parents in front.
fn open(lanes: &[Lane]) -> Vec<usize> {
    let (mut open, mut left) = (Vec::new(), HashSet::new());
    for (number, lane) in lanes.iter().enumerate() {
        // One that has nothing to put makes its children wait as long as it would have to wait itself.
        let waits = lane.parents.iter().any(|parent| left.contains(parent.as_str()));
        if waits || !lane.is_finished() {
            left.insert(lane.shard.as_str());
        }
        if !waits && !lane.is_finished() && open.len() < LANES {
            open.push(number);
        }
    }
    open
}

/// A record of a call: its lane and its line in the pack at hand.
type Pick = (usize, u32);

/// A call to make.
#[derive(Default)]
struct NextCall {
    picks: Vec<Pick>,
    records: Vec<Value>,
}

/// The records of the next call: of each partition key the first that is left.
fn next_call(lanes: &[Lane], open: &[usize]) -> NextCall {
    let (mut call, mut keys, mut bytes) = (NextCall::default(), HashSet::new(), 0);
    for (rank, number) in open.iter().enumerate() {
        // What is left of the call, shared evenly by the lanes that are left.
        let share = open.len() - rank;
        let first = call.picks.len();
        let records = first + (MAX_RECORDS - first).div_ceil(share);
        let until = bytes + MAX_BYTES.saturating_sub(bytes).div_ceil(share);
        for (line, record) in lanes[*number].waiting.iter().take(WINDOW_RECORDS) {
            if call.picks.len() == records {
                break;
            }
            if !keys.insert(record.partition_key.as_str()) {
                continue;
            }
            let more = record.data.len() + record.partition_key.len();
            let most = if call.picks.len() == first { MAX_BYTES } else { until };
            if bytes + more > most && !call.picks.is_empty() {
                break;
            }
            bytes += more;
            call.picks.push((*number, *line));
            let entry = json!({ "Data": record.data, "PartitionKey": record.partition_key });
            call.records.push(entry);
        }
    }
    call
}

/// What became of a record.
enum Verdict {
    Put,
    TooFast,
    /// The service failed, and does not say how far it had come.
    Unknown,
    Refused(String),
}

async fn put<P: WriteRecords>(at: &At<'_, P>, call: &NextCall) -> Result<Vec<Verdict>, PortError> {
    let input = json!({ "StreamName": at.id.name, "Records": call.records });
    let answer = match at.ask::<PutRecords>(input).await {
        // It was there a moment ago. That is no copy's fault.
        Err(PortError::NotFound(why)) => Err(PortError::Invalid(format!("somebody removed the stream: {why}"))),
        answer => answer,
    }?;
    let told = answer.get("Records").and_then(Value::as_array);
    let told = told.filter(|told| told.len() == call.picks.len()).ok_or_else(|| {
        PortError::Unavailable(format!("{}: the answer does not say what became of each record", at.id))
    })?;
    Ok(told.iter().map(verdict).collect())
}

fn verdict(told: &Value) -> Verdict {
    let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("ErrorCode") {
        "" if text("SequenceNumber").is_empty() => Verdict::Unknown,
        "" => Verdict::Put,
        "ProvisionedThroughputExceededException" => Verdict::TooFast,
        "InternalFailure" => Verdict::Unknown,
        code => Verdict::Refused(format!("{code}: {}", text("ErrorMessage"))),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn lane(shard: &str, parents: &[&str], keys: &[&str]) -> Lane {
        let record = |key: &&str| Record {
            arrived_at: Timestamp::UNIX_EPOCH,
            data: "AAAA".to_owned(),
            partition_key: (*key).to_owned(),
            sequence_number: "1".to_owned(),
            shard_id: shard.to_owned(),
        };
        Lane {
            shard: shard.to_owned(),
            parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
            packs: vec![PackUse {
                sha256: holdfast_catalog::Sha256::of(b"a"),
                lines: 1,
                bytes: 1,
            }],
            place: Place::default(),
            waiting: (0..).zip(keys.iter().map(record)).collect(),
        }
    }

    #[test]
    fn a_call_has_the_first_record_of_each_key_and_no_second() {
        let lanes = [lane("a", &[], &["x", "y", "x", "z", "y"])];
        assert_eq!(next_call(&lanes, &[0]).picks, [(0, 0), (0, 1), (0, 3)]);
    }

    #[test]
    fn a_call_is_shared_by_the_lanes_and_one_takes_what_others_leave() {
        let many: Vec<String> = (0..600).map(|n| format!("many-{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let lanes = [lane("a", &[], &["x", "y"]), lane("b", &[], &many)];
        let call = next_call(&lanes, &[0, 1]).picks;
        assert_eq!(call.len(), MAX_RECORDS);
        assert_eq!(next_call(&lanes, &[1, 0]).picks.len(), MAX_RECORDS / 2 + 2);
        assert_eq!(call[..2], [(0, 0), (0, 1)]);
    }

    #[test]
    fn a_call_stays_below_its_bytes_and_a_larger_record_goes_alone() {
        let mut large = lane("a", &[], &["x", "y", "z"]);
        large.waiting[0].1.data = "A".repeat(MAX_BYTES * 2);
        assert_eq!(next_call(&[large], &[0]).picks, [(0, 0)]);
        let mut large = lane("a", &[], &["x", "y", "z"]);
        large.waiting[1].1.data = "A".repeat(MAX_BYTES - 10);
        assert_eq!(next_call(&[large], &[0]).picks, [(0, 0), (0, 1)]);
    }

    #[test]
    fn children_wait_until_all_their_parents_are_put() {
        let mut lanes = [
            lane("a", &["gone"], &["x"]),
            lane("b", &[], &["y"]),
            lane("c", &["a", "b"], &[]),
            lane("d", &["c"], &["x"]),
        ];
        lanes[2].packs.clear();
        assert_eq!(open(&lanes), [0, 1]);
        lanes[0].put(|_| true);
        assert_eq!(open(&lanes), [1]);
        lanes[1].put(|_| true);
        assert_eq!(open(&lanes), [3]);
        lanes[3].put(|_| true);
        assert!(open(&lanes).is_empty());
    }
}
