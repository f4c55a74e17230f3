use holdfast_vault::ports;

use crate::call::Call;
use crate::call::kinesis::{DescribeStreamSummary, GetRecords, GetShardIterator, ListShards, PutRecords};

ports! {
    /// What reading the records of a stream asks for.
    pub trait ReadRecords: Call<DescribeStreamSummary>, Call<ListShards>, Call<GetShardIterator>, Call<GetRecords>
}

ports! {
    /// What putting records into a stream asks for.
    pub trait WriteRecords: Call<DescribeStreamSummary>, Call<PutRecords>
}
