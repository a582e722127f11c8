//! Clusters are what they promise: real, quick, and gone afterwards.

use testkit::{Cluster, Version};

#[tokio::test]
async fn the_oldest_and_the_newest_version_answer() {
    for version in Version::OLDEST_AND_NEWEST {
        let cluster = Cluster::builder(version).preload("pg_stat_statements").start().await;
        let client = cluster.client("postgres").await;
        client.batch_execute("CREATE EXTENSION pg_stat_statements").await.unwrap();
        let number: String = client.query_one("SHOW server_version_num", &[]).await.unwrap().get(0);
        assert_eq!(number.parse::<u32>().unwrap() / 10_000, version.major());
    }
}
