//! What several message types share.

/// `NAME ::= [APPLICATION n] SEQUENCE {..}`: gives the type [`Message`](super::Message), which is
/// read and written in the direct way if it has one.
macro_rules! application {
    ($number:literal, $name:ident, $text:literal, direct) => {
        impl<'a> $crate::wire::Message<'a> for $name<'a> {
            const APPLICATION: u8 = $number;
            const NAME: &'static str = $text;

            fn read_direct(octets: &'a [u8]) -> Option<Self> {
                $crate::wire::direct::read_message(octets, $number)
            }

            fn write_direct(&self) -> Option<Vec<u8>> {
                Some($crate::wire::direct::write_message(self, $number))
            }
        }
    };
    ($number:literal, $name:ident, $text:literal) => {
        impl<'a> $crate::wire::Message<'a> for $name<'a> {
            const APPLICATION: u8 = $number;
            const NAME: &'static str = $text;
        }
    };
}

/// An `Int32` of which the standard names some values; unknown ones survive.
macro_rules! int32 {
    ($(#[$doc:meta])* $name:ident { $($(#[$cdoc:meta])* $constant:ident = $value:literal => $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i32);

        impl $name {
            $(#[doc = concat!("`", $text, "` (", stringify!($value), ")")] $(#[$cdoc])* pub const $constant: Self = Self($value);)*

            /// The standard's name, if it gives this number one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{}", self.0),
                }
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{name} ({})", self.0),
                    None => write!(f, "{}", self.0),
                }
            }
        }

        delegate_int!($name, i32);
    };
}

/// DER of a newtype around an integer type.
macro_rules! delegate_int {
    ($name:ident, $inner:ty) => {
        impl ::der::FixedTag for $name {
            const TAG: ::der::Tag = ::der::Tag::Integer;
        }
        impl<'a> ::der::DecodeValue<'a> for $name {
            type Error = ::der::Error;
            fn decode_value<R: ::der::Reader<'a>>(
                reader: &mut R,
                header: ::der::Header,
            ) -> ::der::Result<Self> {
                Ok(Self(<$inner as ::der::DecodeValue<'a>>::decode_value(
                    reader, header,
                )?))
            }
        }
        impl ::der::EncodeValue for $name {
            fn value_len(&self) -> ::der::Result<::der::Length> {
                self.0.value_len()
            }
            fn encode_value(&self, writer: &mut impl ::der::Writer) -> ::der::Result<()> {
                self.0.encode_value(writer)
            }
        }
    };
}

/// KerberosFlags: bit 0 is the most significant bit of the first octet (MSG-07).
macro_rules! flags {
    ($(#[$doc:meta])* $name:ident { $($(#[$cdoc:meta])* $constant:ident = $bit:literal => $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name(pub u32);

        impl $name {
            $(#[doc = concat!("`", $text, "`, bit ", stringify!($bit))] $(#[$cdoc])* pub const $constant: Self = Self(1 << (31 - $bit));)*

            /// No flag set.
            pub const NONE: Self = Self(0);

            /// Whether every flag of `other` is set in `self`.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Both sets together.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// `self` without the flags of `other`.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// The names of the flags that are set; a bit without a name is left out.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                [$((Self::$constant, $text)),*]
                    .into_iter()
                    .filter(move |(flag, _)| self.contains(*flag))
                    .map(|(_, name)| name)
            }
        }

        impl ::std::ops::BitOr for $name {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                self.with(other)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, "{:#010x} [", self.0)?;
                for (n, name) in self.names().enumerate() {
                    if n > 0 {
                        f.write_str(" ")?;
                    }
                    f.write_str(name)?;
                }
                f.write_str("]")
            }
        }

        impl ::der::FixedTag for $name {
            const TAG: ::der::Tag = ::der::Tag::BitString;
        }
        impl<'a> ::der::DecodeValue<'a> for $name {
            type Error = ::der::Error;
            fn decode_value<R: ::der::Reader<'a>>(reader: &mut R, header: ::der::Header) -> ::der::Result<Self> {
                Ok(Self($crate::wire::primitive::decode_flags(reader, header)?))
            }
        }
        impl ::der::EncodeValue for $name {
            fn value_len(&self) -> ::der::Result<::der::Length> {
                Ok(::der::Length::new(5))
            }
            fn encode_value(&self, writer: &mut impl ::der::Writer) -> ::der::Result<()> {
                writer.write_byte(0)?;
                writer.write(&self.0.to_be_bytes())
            }
        }
    };
}
