//! The local port of a connection, the same from day to day.

use std::ops::RangeInclusive;

use crate::{ConnectionName, Kind, Port};

/// The ports that connections get by themselves.
///
/// Above most services people run, and below every system's ephemeral ports (Linux from 32768, macOS
/// and Windows from 49152) and Kubernetes' node ports (from 30000), which could be taken by chance.
pub const STABLE_PORTS: RangeInclusive<u16> = 20_000..=29_999;

/// Returns the local port for a new connection called `name`, which is then stored with it.
///
/// It follows from the name alone, so two people who add the same connection get the same port. A
/// port that another connection holds (`held`), or where some service usually listens, is skipped.
/// With all of them held, the name's own port is returned.
pub fn stable_port(name: &ConnectionName, held: impl Fn(Port) -> bool) -> Port {
    let (first, last) = (*STABLE_PORTS.start(), *STABLE_PORTS.end());
    let count = u32::from(last - first) + 1;
    let start = fnv1a(name.as_str().as_bytes()) % count;
    let at = |step: u32| {
        // Below `count`, which fits.
        let offset = u16::try_from((start + step) % count).unwrap_or(0);
        Port::new(first + offset).expect("the range starts above 0")
    };
    (0..count)
        .map(at)
        .find(|&port| Kind::usual_at(port).is_none() && !held(port))
        .unwrap_or_else(|| at(0))
}

/// The 32-bit FNV-1a hash: short, and never to change, unlike the standard library's hasher.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ConnectionName {
        text.parse().expect("valid")
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0x811c_9dc5);
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968);
    }

    #[test]
    fn a_port_follows_from_the_name_for_ever() {
        let port = stable_port(&name("prod-db"), |_| false);
        assert_eq!(
            port.number(),
            20_000 + u16::try_from(fnv1a(b"prod-db") % 10_000).expect("fits")
        );
        assert_eq!(port, stable_port(&name("prod-db"), |_| false));
    }

    #[test]
    fn a_held_port_is_skipped() {
        let first = stable_port(&name("prod-db"), |_| false);
        let second = stable_port(&name("prod-db"), |port| port == first);
        assert_eq!(second.number(), first.number() + 1);
        assert_eq!(stable_port(&name("prod-db"), |_| true), first);
    }

    #[test]
    fn every_port_is_in_the_range_and_none_is_a_service_port() {
        for number in 0..5_000 {
            let port = stable_port(&name(&format!("c{number}")), |_| false);
            assert!(STABLE_PORTS.contains(&port.number()));
            assert_ne!(port.number(), 27_017, "MongoDB listens there");
        }
    }
}
