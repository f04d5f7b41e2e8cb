//! Passwords are kept as Argon2id (RFC 9106), so that whoever gets the data has a lot of work with each guess.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::clock::Entropy;
use crate::domain::Password;

/// 19 MiB, two passes, one lane: the OWASP Password Storage Cheat Sheet (its section on Argon2id, 2025) asks for at
/// least this.
const TODAY: Cost = Cost { memory_kib: 19 * 1024, passes: 2, lanes: 1 };

/// What a hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// What is kept of a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    cost: Cost,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

impl PasswordHash {
    /// Whether it costs what one costs today; otherwise it is made anew when the password is at hand.
    pub fn is_of_today(&self) -> bool {
        self.cost == TODAY
    }
}

/// The hash of a password. It takes some 20 ms and 19 MiB: not for threads that others wait for, and not for many at once.
pub fn hash_password(password: &Password, entropy: &Entropy) -> PasswordHash {
    let salt = entropy.secret();
    PasswordHash { cost: TODAY, salt, hash: *digest(TODAY, &salt, password) }
}

/// Whether this is the password. It costs as much as [`hash_password`].
pub fn is_password(password: &Password, hash: &PasswordHash) -> bool {
    let found = digest(hash.cost, &hash.salt, password);
    // All bytes are looked at, whichever differ.
    found.iter().zip(&hash.hash).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
}

/// The hash of no password, for names that are nobody's: whoever asks for one waits as long as for somebody's.
pub fn stand_in() -> PasswordHash {
    PasswordHash { cost: TODAY, salt: [0; 16], hash: [0; 32] }
}

fn digest(cost: Cost, salt: &[u8], password: &Password) -> Zeroizing<[u8; 32]> {
    let Cost { memory_kib, passes, lanes } = cost;
    let mut hash = Zeroizing::new([0; 32]);
    let params = Params::new(memory_kib, passes, lanes, Some(hash.len())).expect("costs are within what Argon2 takes");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut *hash)
        .expect("salt and password are within what Argon2 takes");
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_another_is_not() {
        let entropy = Entropy::seeded(7);
        let password = Password::new("correct horse battery");
        let hash = hash_password(&password, &entropy);
        assert!(is_password(&password, &hash) && hash.is_of_today());
        assert!(!is_password(&Password::new("correct horse batter"), &hash));
        assert!(!is_password(&Password::new(""), &stand_in()));
        assert_ne!(hash, hash_password(&password, &entropy), "each has a salt of its own");
    }

    #[test]
    fn a_hash_of_another_cost_is_still_known_and_is_told_to_be_old() {
        let (cost, salt) = (Cost { memory_kib: 64, passes: 1, lanes: 1 }, [7; 16]);
        let password = Password::new("correct horse battery");
        let old = PasswordHash { cost, salt, hash: *digest(cost, &salt, &password) };
        assert!(is_password(&password, &old) && !old.is_of_today());
    }
}
