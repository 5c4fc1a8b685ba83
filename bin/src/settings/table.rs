//! What is known of every setting, and the macro that turns the one list in `keys.rs` into it.

/// What a setting is when nobody sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// This value, written as it would be in the environment.
    Value(&'static str),
    /// Worked out from other settings; the text says how.
    Derived(&'static str),
    /// Nothing: the feature it belongs to is off.
    Unset,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The section of the file, `batch` for `[batch]`.
    pub section: &'static str,
    /// The key within its section.
    pub name: &'static str,
    /// What the reference calls its type.
    pub kind: &'static str,
    /// What it is when nobody sets it.
    pub default: Default,
    /// Names under which the Go sink read it from the environment; the first that is set counts.
    pub legacy: &'static [&'static str],
    /// What it does, for the reference.
    pub help: &'static str,
}

impl Key {
    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        variable_name(self.section, self.name)
    }
}

/// One section of the settings file.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Its name in brackets.
    pub name: &'static str,
    /// What it is about, for the reference.
    pub help: &'static str,
    /// Its keys, in the order of the reference.
    pub keys: &'static [Key],
}

/// What every environment variable of ours begins with.
pub const VARIABLE_PREFIX: &str = "WAREHOUSE_SINK__";

/// The environment variable for a key of a section.
pub fn variable_name(section: &str, key: &str) -> String {
    format!("{VARIABLE_PREFIX}{}__{}", section.to_uppercase(), key.to_uppercase())
}

/// Declares the sections and their keys: from this one list come the structs that the program reads, the table that
/// finds unknown keys and names environment variables, and the reference in `docs/configuration.md`.
macro_rules! settings {
    ($(
        $(#[doc = $section_doc:literal])+
        $section:ident: $Section:ident {
            $(
                $(#[doc = $doc:literal])+
                $key:ident: $type:ty = $default:expr $(, legacy $($legacy:literal)+)?;
            )+
        }
    )+) => {
        /// Every setting, checked: what [`Settings::load`] gives can be worked with.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Settings {
            $( $(#[doc = $section_doc])+ pub $section: $Section, )+
            /// Where they came from.
            pub origins: Origins,
        }

        $(
            $(#[doc = $section_doc])+
            #[derive(Clone, Debug, PartialEq)]
            pub struct $Section {
                $( $(#[doc = $doc])+ pub $key: $type, )+
            }

            impl $Section {
                fn read(reader: &mut Reader) -> Option<Self> {
                    // Every key is read before the first failure ends it, so that all mistakes are told at once.
                    $( let $key = reader.take::<$type>(stringify!($section), stringify!($key), $default); )+
                    Some(Self { $( $key: $key?, )+ })
                }
            }
        )+

        impl Settings {
            pub(super) fn read(reader: &mut Reader) -> Option<Self> {
                $( let $section = $Section::read(reader); )+
                Some(Self { $( $section: $section?, )+ origins: reader.origins.clone() })
            }
        }

        /// Every section with its keys, in the order of the reference.
        pub const SECTIONS: &[Section] = &[$(
            Section {
                name: stringify!($section),
                help: concat!($($section_doc,)+),
                keys: &[$(
                    Key {
                        section: stringify!($section),
                        name: stringify!($key),
                        kind: <$type as Value>::KIND,
                        default: $default,
                        legacy: &[$($($legacy,)+)?],
                        help: concat!($($doc,)+),
                    },
                )+],
            },
        )+];
    };
}

pub(super) use settings;
