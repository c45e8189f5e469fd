//! A bounded line towards the game, which wakes a game that sleeps between its ticks.

use crossbeam_channel::{Receiver, Sender, TrySendError};

/// Wakes a game that sleeps between its ticks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct GameWaker(Sender<()>);

impl GameWaker {
    /// The waker, and the end at which the game sleeps.
    pub fn new() -> (Self, Receiver<()>) {
        let (sender, sleeper) = crossbeam_channel::bounded(1);
        (Self(sender), sleeper)
    }

    /// Wakes the game now, or keeps it from falling asleep the next time.
    pub fn wake(&self) {
        // When it was woken already, once is enough.
        let _ = self.0.try_send(());
    }
}

/// A bounded line towards the game.
pub(crate) struct Line<T> {
    sender: Sender<T>,
    waker: GameWaker,
}

impl<T> Line<T> {
    /// A line with room for `limit` values, and the game's end of it.
    pub fn bounded(limit: usize, waker: &GameWaker) -> (Self, Receiver<T>) {
        let (sender, end) = crossbeam_channel::bounded(limit);
        let waker = waker.clone();
        (Self { sender, waker }, end)
    }

    /// Puts something in, unless the line is full or the app is gone.
    pub fn put(&self, value: T) -> Result<(), TrySendError<T>> {
        self.sender.try_send(value)?;
        self.waker.wake();
        Ok(())
    }

    /// The waker of the game at the other end.
    pub fn waker(&self) -> &GameWaker {
        &self.waker
    }
}

impl<T> Clone for Line<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            waker: self.waker.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_line_gives_back_and_wakes_once() {
        let (waker, sleeper) = GameWaker::new();
        let (line, end) = Line::bounded(2, &waker);
        assert!(line.put(1).is_ok() && line.clone().put(2).is_ok());
        assert_eq!(line.put(3), Err(TrySendError::Full(3)));
        assert_eq!(sleeper.try_iter().count(), 1, "once for both");
        assert_eq!(end.try_iter().collect::<Vec<_>>(), [1, 2]);
        drop(end);
        assert_eq!(line.put(4), Err(TrySendError::Disconnected(4)));
        assert_eq!(sleeper.try_iter().count(), 0, "nothing came in");
    }
}
