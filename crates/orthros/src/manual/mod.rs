//! The manual: what is defended, what the defaults are, and how to do what is often done.
//!
//! | | page |
//! |---|---|
//! | who the attackers are, and which check answers which attack | [`threat_model`] |
//! | every default, why it is so, and how to loosen it | [`defaults`] |
//! | a service with a keytab, and new keys while it runs | [`service`] |
//! | a client with a credential cache, or with a keytab | [`client`] |
//! | SASL, both ends | [`sasl`] |
//! | SPNEGO, both ends | [`spnego`] |
//! | channel bindings | [`channel_bindings`] |
//! | replay caches, for a process, a host, a fleet | [`replay_caches`] |
//! | reports, explanations, events | [`reports`] |
//!
//! A protected stream over TCP is in the documentation of `orthros-net`, a realm to test against in
//! that of `orthros-kdc`.
//!
//! # With what there is
//!
//! For each of these programs, its trait beside the types here. The traits are copies of their
//! shape, written from their documentation, so that each page is compiled.
//!
//! | program | what it wants | page |
//! |---|---|---|
//! | russh | SSH's `gssapi-with-mic` | [`russh`] |
//! | kafka-backup | a SASL mechanism for each broker | [`kafka_backup`] |
//! | crabka | both ends of a context, for a Kafka broker | [`crabka`] |
//! | hdfs-native | a SASL session with a security layer | [`hdfs_native`] |
//! | smb2-client | a token and a session key | [`smb2_client`] |
//!
//! Where a page says `now()`, the program's clock is meant. Where it says `Example`, the realm
//! EXAMPLE.COM is meant, which lives in memory for the length of the example.

pub mod channel_bindings;
pub mod client;
pub mod crabka;
pub mod defaults;
pub mod hdfs_native;
pub mod kafka_backup;
pub mod replay_caches;
pub mod reports;
pub mod russh;
pub mod sasl;
pub mod service;
pub mod smb2_client;
pub mod spnego;
pub mod threat_model;
