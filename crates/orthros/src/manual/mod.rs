//! How to use this with what there is: for each program, its trait beside the types here.
//!
//! The traits are copies of their shape, written from their documentation, so that each page is
//! compiled. Where a page says `now()`, the program's clock is meant.
//!
//! | program | what it wants | page |
//! |---|---|---|
//! | russh | SSH's `gssapi-with-mic` | [`russh`] |
//! | kafka-backup | a SASL mechanism for each broker | [`kafka_backup`] |
//! | crabka | both ends of a context, for a Kafka broker | [`crabka`] |
//! | hdfs-native | a SASL session with a security layer | [`hdfs_native`] |
//! | smb2-client | a token and a session key | [`smb2_client`] |

pub mod crabka;
pub mod hdfs_native;
pub mod kafka_backup;
pub mod russh;
pub mod smb2_client;
