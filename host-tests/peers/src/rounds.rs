//! Contenders that take turns, and what was measured of them.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::support::Figures;

/// A call that is shorter is timed together with others: the clock takes some 25 ns itself.
const SHORTEST: Duration = Duration::from_micros(4);

/// Something that is timed.
pub(crate) struct Contender<'a> {
    name: &'static str,
    call: Box<dyn FnMut() + 'a>,
}

impl<'a> Contender<'a> {
    pub(crate) fn new(name: &'static str, call: impl FnMut() + 'a) -> Self {
        Self { name, call: Box::new(call) }
    }

    /// How many of its calls are timed at once.
    fn batch(&mut self) -> u32 {
        const TRIED: u32 = 200;
        let began = Instant::now();
        (0..TRIED).for_each(|_| (self.call)());
        let one = (began.elapsed() / TRIED).max(Duration::from_nanos(1));
        u32::try_from(SHORTEST.as_nanos().div_ceil(one.as_nanos())).unwrap_or(1)
    }

    /// Nanoseconds of a call.
    fn time(&mut self, batch: u32) -> u64 {
        let began = Instant::now();
        (0..batch).for_each(|_| (self.call)());
        u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX) / u64::from(batch)
    }
}

/// How contenders take turns within a round.
#[derive(Clone, Copy)]
pub(crate) enum Turn {
    /// Each one for so long, then the next.
    Lasting(Duration),
    /// Each one for one call, then the next, so many times.
    Calls(u32),
}

/// What was measured of some contenders, in rounds.
pub(crate) struct Rounds {
    names: Vec<&'static str>,
    /// By contender and round: the median, in microseconds.
    medians: Vec<Vec<f64>>,
    /// By contender: all calls, in nanoseconds.
    all: Vec<Histogram<u64>>,
}

/// A figure of each round.
pub(crate) struct Spread(Vec<f64>);

impl Rounds {
    /// Lets them take turns. Who begins changes from round to round.
    pub(crate) fn measure(rounds: u32, turn: Turn, mut contenders: Vec<Contender<'_>>) -> Self {
        let batches: Vec<_> = contenders.iter_mut().map(Contender::batch).collect();
        let histogram = || Histogram::<u64>::new(3).expect("three digits");
        let mut all: Vec<_> = contenders.iter().map(|_| histogram()).collect();
        let mut medians = vec![Vec::new(); contenders.len()];
        for round in 0..rounds as usize {
            let mut seen: Vec<_> = contenders.iter().map(|_| histogram()).collect();
            let mut time = |one: usize| {
                let nanos = contenders[one].time(batches[one]);
                seen[one].record(nanos).expect("the histogram grows");
            };
            let places = batches.len();
            let order = (0..places).map(|place| (place + round) % places);
            match turn {
                Turn::Lasting(lasting) => order.for_each(|one| {
                    let began = Instant::now();
                    while began.elapsed() < lasting {
                        time(one);
                    }
                }),
                Turn::Calls(calls) => (0..calls).for_each(|_| order.clone().for_each(&mut time)),
            }
            for (one, seen) in seen.iter().enumerate() {
                medians[one].push(seen.value_at_quantile(0.5) as f64 / 1_000.0);
                all[one].add(seen).expect("the histogram grows");
            }
        }
        Self { names: contenders.iter().map(|contender| contender.name).collect(), medians, all }
    }

    /// Tells of each contender.
    pub(crate) fn tell(&self, figures: &mut Figures) {
        for name in &self.names {
            self.compare(&[name], |of| of[0]).tell(figures, &format!("{name}, median"), "us", None);
        }
    }

    /// The 99th of a hundred calls of a contender, in microseconds.
    pub(crate) fn p99(&self, name: &str) -> f64 {
        self.all[self.place(name)].value_at_quantile(0.99) as f64 / 1_000.0
    }

    /// What follows in each round from the medians of these contenders.
    pub(crate) fn compare(&self, names: &[&str], figure: impl Fn(&[f64]) -> f64) -> Spread {
        let places: Vec<_> = names.iter().map(|name| self.place(name)).collect();
        let rounds = self.medians.first().map_or(0, Vec::len);
        let of = |round: usize| places.iter().map(|place| self.medians[*place][round]).collect::<Vec<_>>();
        Spread((0..rounds).map(|round| figure(&of(round))).collect())
    }

    fn place(&self, name: &str) -> usize {
        self.names.iter().position(|known| *known == name).unwrap_or_else(|| panic!("nobody is called {name}"))
    }
}

impl Spread {
    /// Tells the median of the rounds, whether that is at most the aim, and between which values half of the rounds lie.
    pub(crate) fn tell(mut self, figures: &mut Figures, name: &str, unit: &str, aim: Option<f64>) {
        self.0.sort_by(f64::total_cmp);
        let at = |quarters: usize| self.0[(self.0.len() - 1) * quarters / 4];
        match aim {
            Some(aim) => figures.at_most(name, at(2), aim, unit),
            None => figures.tell(name, at(2), unit),
        }
        figures.spread(name, at(1), at(3));
    }
}
