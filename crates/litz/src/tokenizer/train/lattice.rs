//! The lattice of all segmentations of a word: the best, the two best, and the expected counts of pieces.

use super::piece_trie::PieceTrie;

const UNKNOWN_PENALTY: f64 = 10.0;
// An agenda larger than the first is truncated to the second.
const AGENDA: usize = 100_000;
const KEPT: usize = 20;
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct LatticeNode {
    start: u32,
    end: u32,
    id: u32,
    score: f64,
}

/// A lattice whose buffers are reused from word to word.
#[derive(Default)]
pub(super) struct Lattice {
    len: usize,
    nodes: Vec<LatticeNode>, // by start, then by length; then the beginning of the word and its end
    starts: Vec<u32>,        // where the nodes of each byte begin
    end_starts: Vec<u32>,    // where the nodes that end at each byte are listed
    ends: Vec<u32>,          // nodes by end, in their order
    best: Vec<(f64, u32)>,   // of the way to a node: its score, the node before
    alpha: Vec<f64>,
    beta: Vec<f64>,
}

impl Lattice {
    /// Makes the lattice of a word.
    pub fn fill(&mut self, pieces: &PieceTrie<'_>, word: &str) {
        let unknown = pieces.min_score - UNKNOWN_PENALTY;
        self.len = word.len();
        self.nodes.clear();
        self.starts.clear();
        for (start, c) in word.char_indices() {
            self.starts.resize(start + 1, self.nodes.len() as u32);
            let (nodes, width) = (&mut self.nodes, c.len_utf8());
            let start = start as u32;
            let mut single = false;
            pieces.each_prefix(&word[start as usize..], |len, id, score| {
                single |= len == width;
                nodes.push(LatticeNode { start, end: start + len as u32, id, score });
            });
            if !single {
                nodes.push(LatticeNode { start, end: start + width as u32, id: 0, score: unknown });
            }
        }
        // A byte inside a character has no nodes.
        let inner = self.nodes.len() as u32;
        self.starts.resize(self.len + 2, inner);
        let len = self.len as u32;
        self.nodes.push(LatticeNode { start: len, end: len, id: NONE, score: 0.0 });
        self.nodes.push(LatticeNode { start: 0, end: 0, id: NONE, score: 0.0 });
        self.starts[self.len + 1] = inner + 1;
        self.list_ends();
    }

    fn list_ends(&mut self) {
        let (eos, bos) = (self.nodes.len() - 2, self.nodes.len() - 1);
        self.end_starts.clear();
        self.end_starts.resize(self.len + 2, 0);
        for node in self.nodes[..eos].iter().chain(&self.nodes[bos..]) {
            self.end_starts[node.end as usize + 1] += 1;
        }
        for at in 0..=self.len {
            self.end_starts[at + 1] += self.end_starts[at];
        }
        self.ends.clear();
        self.ends.resize(self.nodes.len() - 1, 0);
        let mut next = self.end_starts.clone();
        for (i, node) in self.nodes.iter().enumerate().filter(|&(i, _)| i != eos) {
            let at = &mut next[node.end as usize];
            self.ends[*at as usize] = i as u32;
            *at += 1;
        }
    }

    /// The nodes that begin at a byte, as a range.
    fn beginning(&self, at: usize) -> std::ops::Range<usize> {
        self.starts[at] as usize..self.starts[at + 1] as usize
    }

    /// The nodes that end at a byte.
    fn ending(&self, at: usize) -> &[u32] {
        &self.ends[self.end_starts[at] as usize..self.end_starts[at + 1] as usize]
    }

    /// Scores of the best ways; the first of equals wins.
    fn search(&mut self) {
        self.best.clear();
        self.best.resize(self.nodes.len(), (0.0, NONE));
        for at in 0..=self.len {
            for right in self.beginning(at) {
                let score = self.nodes[right].score;
                let mut best = (0.0, NONE);
                for &left in self.ending(at) {
                    let way = self.best[left as usize].0 + score;
                    if best.1 == NONE || way > best.0 {
                        best = (way, left);
                    }
                }
                self.best[right] = best;
            }
        }
    }

    /// The ids of the best way, last first.
    pub fn best(&mut self, mut found: impl FnMut(usize)) {
        self.search();
        let (eos, bos) = (self.nodes.len() - 2, self.nodes.len() - 1);
        let mut node = self.best[eos].1 as usize;
        while node != bos {
            found(self.nodes[node].id as usize);
            node = self.best[node].1 as usize;
        }
    }

    /// Adds the expected count of each piece, `count` for the whole word; the logarithm of all ways' likelihood.
    pub fn expect(&mut self, count: f64, expected: &mut [f64]) -> f64 {
        let total = self.nodes.len();
        for sums in [&mut self.alpha, &mut self.beta] {
            sums.clear();
            sums.resize(total, 0.0);
        }
        for at in 0..=self.len {
            for right in self.beginning(at) {
                let mut sum = 0.0;
                for (i, &left) in self.ending(at).iter().enumerate() {
                    let way = self.nodes[left as usize].score + self.alpha[left as usize];
                    sum = if i == 0 { way } else { log_sum(sum, way) };
                }
                self.alpha[right] = sum;
            }
        }
        for at in (0..=self.len).rev() {
            for at_end in self.end_starts[at] as usize..self.end_starts[at + 1] as usize {
                let mut sum = 0.0;
                for (i, right) in self.beginning(at).enumerate() {
                    let way = self.nodes[right].score + self.beta[right];
                    sum = if i == 0 { way } else { log_sum(sum, way) };
                }
                self.beta[self.ends[at_end] as usize] = sum;
            }
        }
        let likelihood = self.alpha[total - 2];
        for (i, node) in self.nodes[..total - 2].iter().enumerate() {
            let share = self.alpha[i] + node.score + self.beta[i] - likelihood;
            expected[node.id as usize] += count * share.exp();
        }
        count * likelihood
    }

    /// The two best ways as ids, the second where there is one.
    pub fn two_best(&mut self) -> Vec<Vec<usize>> {
        self.search();
        let (eos, bos) = (self.nodes.len() - 2, self.nodes.len() - 1);
        let mut ways = Vec::new();
        let mut made = vec![Hypothesis { node: eos, next: NONE, estimate: 0.0, score: 0.0 }];
        let mut agenda = Agenda::default();
        agenda.push(0, &made);
        while let Some(top) = agenda.pop(&made) {
            let Hypothesis { node, score, .. } = made[top as usize];
            if node == bos {
                ways.push(self.read(&made, top));
                if ways.len() == 2 {
                    break;
                }
                continue;
            }
            for &left in self.ending(self.nodes[node].start as usize) {
                let left = left as usize;
                let estimate = self.best[left].0 + score;
                made.push(Hypothesis {
                    node: left,
                    next: top,
                    estimate,
                    score: self.nodes[left].score + score,
                });
                agenda.push(made.len() as u32 - 1, &made);
            }
            if agenda.heap.len() > AGENDA {
                let kept: Vec<u32> = (0..KEPT).filter_map(|_| agenda.pop(&made)).collect();
                agenda = Agenda::default();
                kept.into_iter().for_each(|each| agenda.push(each, &made));
            }
        }
        ways
    }

    /// The ids of a way from its first hypothesis to its last but one, which is the end of the word.
    fn read(&self, made: &[Hypothesis], first: u32) -> Vec<usize> {
        let mut ids = Vec::new();
        let mut at = made[first as usize].next as usize;
        while made[at].next != NONE {
            ids.push(self.nodes[made[at].node].id as usize);
            at = made[at].next as usize;
        }
        ids
    }
}

/// ln(e^a + e^b).
fn log_sum(a: f64, b: f64) -> f64 {
    let (low, high) = if a > b { (b, a) } else { (a, b) };
    if high > low + 50.0 {
        high
    } else {
        high + ((low - high).exp() + 1.0).ln()
    }
}

/// A way from some node to the end of the word.
struct Hypothesis {
    node: usize,
    next: u32,
    estimate: f64,
    score: f64,
}

/// A heap of four children a node. Among equals the newest goes up first and the leftmost child wins: the order in which
/// the heap of the `tokenizers` library pops equal paths decides which alternative of a piece is the second best.
#[derive(Default)]
struct Agenda {
    heap: Vec<u32>,
}

impl Agenda {
    fn push(&mut self, hypothesis: u32, made: &[Hypothesis]) {
        self.heap.push(hypothesis);
        self.rise(self.heap.len() - 1, made);
    }

    fn pop(&mut self, made: &[Hypothesis]) -> Option<u32> {
        let last = self.heap.pop()?;
        let Some(&first) = self.heap.first() else { return Some(last) };
        let mut hole = 0;
        while 4 * hole + 1 < self.heap.len() {
            let mut best = 4 * hole + 1;
            for child in best + 1..(4 * hole + 5).min(self.heap.len()) {
                if self.estimate(best, made) < self.estimate(child, made) {
                    best = child;
                }
            }
            self.heap[hole] = self.heap[best];
            hole = best;
        }
        self.heap[hole] = last;
        self.rise(hole, made);
        Some(first)
    }

    fn rise(&mut self, mut at: usize, made: &[Hypothesis]) {
        while at > 0 {
            let parent = (at - 1) / 4;
            if self.estimate(at, made) < self.estimate(parent, made) {
                return;
            }
            self.heap.swap(at, parent);
            at = parent;
        }
    }

    fn estimate(&self, at: usize, made: &[Hypothesis]) -> f64 {
        made[self.heap[at] as usize].estimate
    }
}
