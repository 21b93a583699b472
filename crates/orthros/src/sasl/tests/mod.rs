//! SASL exchanges: every rule kept, and each broken alone.

mod admission;
mod advertised;
mod gssapi;
mod hostile;
mod others;
