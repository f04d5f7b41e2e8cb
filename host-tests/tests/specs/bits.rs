//! Components with flipped bits: whatever they are then, the host takes or refuses them, and goes on.

use std::sync::mpsc;
use std::time::Duration;

use host_tests::{World, guest};
use punchcard::domain::IdSource;
use punchcard::pack::Packs;

use crate::uploads::Tiny;

/// How long all flips may take; nothing runs for long that has a limit.
const PATIENCE: Duration = Duration::from_secs(120);

/// Loads a component once for each flip of some bits, and says how many were taken for packs all the same.
fn flipped(packs: Packs, component: Vec<u8>, flips: usize, seed: u64) -> usize {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut random = IdSource::new(jiff::Timestamp::UNIX_EPOCH, seed);
        let mut taken = 0;
        for _ in 0..flips {
            let mut bytes = component.clone();
            for _ in 0..=random.bits() % 3 {
                let at = usize::try_from(random.bits() % bytes.len() as u64).unwrap();
                bytes[at] ^= 1 << (random.bits() % 8);
            }
            match packs.load(&bytes) {
                Ok(_) => taken += 1,
                Err(error) => assert!(!error.code().is_empty()),
            }
        }
        tell.send(taken).unwrap();
    });
    // A panic of the thread ends the channel.
    told.recv_timeout(PATIENCE).expect("every component is taken or refused")
}

#[tokio::test]
async fn a_component_with_flipped_bits_is_taken_or_refused_and_the_host_goes_on() {
    let world = World::new();
    let packs = world.running().host.programme.packs().clone();
    let tiny = flipped(packs.clone(), Tiny::new("tiny").unit("stamps").component(), 400, 1);
    assert!((1..400).contains(&tiny), "{tiny} of 400 were taken: the flips hit nothing that matters");
    flipped(packs, guest("hostile").to_vec(), 24, 2);
    crate::with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    alice.order("till-1").settle().await.created();
    assert_eq!(alice.points().await, 24);
}
