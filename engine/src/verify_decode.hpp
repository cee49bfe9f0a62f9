#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>

#include "verify_model.hpp"

namespace sg::engine {

/// Decodes a track's segments from memory, in order: the first picture of each and some audio, or
/// everything. It keeps one decoder for each elementary stream. What fails goes into the book.
class SegmentDecoder {
  public:
    /// `work_done` is called for every packet.
    SegmentDecoder(Track& track,
                   CheckBook& checks,
                   bool everything,
                   std::stop_token stop,
                   std::function<void()> work_done);
    ~SegmentDecoder();

    /// `init` is empty for a transport stream.
    [[nodiscard]] Status decode(const SegmentRef& ref,
                                std::span<const std::byte> init,
                                std::span<const std::byte> segment);
    /// After the last segment: what the decoders still hold, and the counts.
    [[nodiscard]] Status finish();

    /// The source was copied as it is: what does not decode was so before us, and is a warning.
    void set_lenient(bool lenient);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace sg::engine
