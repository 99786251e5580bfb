//! How long the store takes: `cargo run --release -p ssmpf-store --example speed`.
//!
//! Prints, for 1, 100 and 10,000 connections, the size of the store and the milliseconds of its parts.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use ssmpf_model::{Connection, Destination, Port, Seconds, Timestamp};
use ssmpf_store::keys::{Identity, KeySettings, Keys};
use ssmpf_store::seal;
use ssmpf_store::{Contents, Places, Store, StoreError};

/// How often each part is measured; the least counts.
const ROUNDS: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let identity = Identity::generate();
    let key = folder.path().join("key.txt");
    std::fs::write(&key, identity.to_file().ok_or("an age identity")?.expose())?;
    println!(
        "{:>11} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "connections", "KiB", "open", "parse", "read", "list", "find", "update"
    );
    for count in [1, 100, 10_000] {
        let data = folder.path().join(count.to_string());
        let mut store = store(&data, &key);
        store.update(|contents| fill(contents, count))?;
        let sealed = std::fs::read(store.path())?;
        let plain = seal::open(&sealed, &identity)?;
        let open = least(|| Ok(seal::open(&sealed, &identity)?))?;
        let parse = least(|| Ok(Contents::from_json(plain.expose())?))?;
        let read = least(|| Ok(self::store(&data, &key).read()?))?;
        let list = least(|| {
            let mut opened = self::store(&data, &key).open()?.ok_or("a store")?;
            Ok(opened.fold(|| 0, |count, _, _| *count += 1, |all, more| *all += more)?)
        })?;
        let last = format!("team-{}-service-{}", (count - 1) % 40, count - 1);
        let find = least(|| {
            let mut opened = self::store(&data, &key).open()?.ok_or("a store")?;
            Ok(opened.find(&last)?)
        })?;
        let mut round = 0;
        let update = least(|| {
            round += 1;
            store.update(|contents| {
                let (_, connection) = contents.connections.iter_mut().next().expect("one");
                connection.description = Some(format!("round {round}"));
                Ok::<_, StoreError>(())
            })?;
            Ok(())
        })?;
        let size = sealed.len() / 1024;
        println!(
            "{count:>11} {size:>9} {open:>9.2} {parse:>9.2} {read:>9.2} {list:>9.2} {find:>9.2} \
             {update:>9.2}"
        );
    }
    Ok(())
}

fn store(data: &Path, key: &Path) -> Store {
    let places = Places::new(data, None);
    let settings = KeySettings {
        identity_file: Some(key.to_owned()),
        without_keyring: true,
        ..KeySettings::default()
    };
    Store::new(places.store, Keys::new(settings, places.identity))
}

/// Fills in connections as people have them: a dozen fields each.
fn fill(contents: &mut Contents, count: usize) -> Result<(), StoreError> {
    for number in 0..count {
        let name = format!("team-{}-service-{number}", number % 40).parse()?;
        let destination = Destination {
            host: Some(format!("db{number}.abcdefghijkl.eu-west-1.rds.amazonaws.com").parse()?),
            port: Port::new(5432).expect("not 0"),
        };
        let local_port = contents.free_port(&name);
        let now = Timestamp::now();
        let mut connection =
            Connection::new("tag:Role=bastion".parse()?, destination, local_port, now);
        connection.description = Some(format!("database of service {number}"));
        connection.profile = Some("prod-admin".parse()?);
        connection.region = Some("eu-west-1".parse()?);
        connection.tags.insert(format!("team-{}", number % 40).parse()?);
        connection.max_age = Seconds::new(28_800);
        connection.last_used = Some(now);
        contents.add(name, connection)?;
    }
    Ok(())
}

/// Returns the least time a part takes, without what it takes to drop the result: a command that has
/// printed exits.
fn least<T>(mut part: impl FnMut() -> Result<T, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut least = f64::INFINITY;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let result = part()?;
        least = least.min(started.elapsed().as_secs_f64() * 1000.0);
        drop(result);
    }
    Ok(least)
}
