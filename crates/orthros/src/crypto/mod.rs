//! RFC 3961 framework and its profiles.
