// A large batch goes through the model in pieces: runs of whole texts whose gradients add up, so that memory
// holds the activations of one piece. Forward, loss and dropout are those of the batch in one; the sums of
// gradients over tokens are cut at other places.
#pragma once
#include "base/memory.h"
#include "model/activations.h"

namespace adaptune {

struct Piece {
  Batch batch;
  int64_t first_text, first_token, first_pair;  // of the whole batch
};

class Pieces {
 public:
  // Of about `most` tokens each, of equal size as far as texts allow; most == 0: one piece.
  Pieces(const Batch& batch, int64_t most);

  BatchSize largest() const { return largest_; }
  int64_t pairs() const { return pairs_; }  // of tokens of one text, in the whole batch
  // False after the last one. The piece's offsets live in `offsets` until the next call.
  bool next(Piece& piece, Buffer& offsets);

 private:
  int64_t end_of(int64_t first) const;

  const Batch batch_;
  int64_t count_, next_ = 0, pairs_ = 0, pairs_before_ = 0;
  BatchSize largest_ = {0, 0};
};

}  // namespace adaptune
