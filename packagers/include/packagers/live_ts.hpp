#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include <base/result.hpp>
#include <packagers/live_media.hpp>
#include <packagers/ts_renditions.hpp>

namespace sg::packagers {

/// Transport streams for old players, made of one rendition's closed segments and of the audio's
/// that go with them. Not thread-safe.
class LiveTsWriter {
  public:
    /// `main` and `audio` as in LiveOutput.
    explicit LiveTsWriter(std::size_t main, std::optional<std::size_t> audio = std::nullopt)
        : main_(main), audio_(audio) {}

    [[nodiscard]] std::optional<std::size_t> audio() const { return audio_; }

    struct Made {
        std::int64_t number = 0;
        SharedBytes bytes;
    };

    /// What could be made now that this segment is closed; numbers with nothing in them are left
    /// out. kUnsupported for codecs that transport streams do not carry.
    [[nodiscard]] Result<std::vector<Made>> add(std::size_t rendition,
                                                std::shared_ptr<const LiveSegment> segment);

  private:
    [[nodiscard]] Status prepare(const LiveSegment* main, const LiveSegment* audio);
    [[nodiscard]] Result<SharedBytes> make(const LiveSegment& main, const LiveSegment* audio);

    std::size_t main_;
    std::optional<std::size_t> audio_;
    std::deque<std::shared_ptr<const LiveSegment>> mains_;
    std::deque<std::shared_ptr<const LiveSegment>> audios_;
    std::shared_ptr<const LiveInit> main_init_;
    std::shared_ptr<const LiveInit> audio_init_;
    std::optional<TsTrack> main_track_;
    std::optional<TsTrack> audio_track_;
    std::optional<TsRenditionWriter> writer_;
};

}  // namespace sg::packagers
