//! SASL exchanges: every rule kept, and each broken alone.

mod gssapi;
