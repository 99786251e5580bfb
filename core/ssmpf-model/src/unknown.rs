//! Fields that only a newer version understands.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Fields that this version does not know, as they were written: kept, not dropped.
///
/// The values are text, so that numbers beyond what this program can hold come out unchanged too.
#[derive(Clone, Debug, Default)]
pub struct UnknownFields(BTreeMap<String, Box<RawValue>>);

impl UnknownFields {
    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns names and values, the values as JSON, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.get()))
    }

    /// Returns names and values as they are written out.
    pub fn raw(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_ref()))
    }

    /// Keeps a field.
    pub fn keep(&mut self, name: String, value: Box<RawValue>) {
        self.0.insert(name, value);
    }
}

impl PartialEq for UnknownFields {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for UnknownFields {}
