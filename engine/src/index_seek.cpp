#include "index_seek.hpp"

#include <algorithm>
#include <array>

#include <ingest/source.hpp>
#include <ingest/timed_reader.hpp>

namespace sg::engine {
namespace {

using pipeline::SeekMethod;

/// Reading this far past where a seek arrived is as good as not arriving.
constexpr int kMaxPackets = 3000;
constexpr std::int64_t kMaxBytes = std::int64_t{32} << 20;

/// False when it does not arrive; an error only when reading must stop.
Result<bool> arrives(ingest::TimedReader& reader,
                     SeekMethod method,
                     const KeyFrame& key,
                     int stream) {
    const pipeline::SeekPoint point{key.pts, key.dts, key.position};
    const auto fatal = [](const Error& e) {
        return e.code == Errc::kCancelled || e.code == Errc::kIo;
    };
    if (const auto sought = reader.seek(point, method, stream); !sought) {
        if (fatal(sought.error())) return sought.error();
        return false;
    }
    std::int64_t bytes = 0;
    for (int i = 0; i < kMaxPackets && bytes < kMaxBytes; ++i) {
        const auto timed = reader.read();
        if (!timed) {
            if (fatal(timed.error())) return timed.error();
            return false;
        }
        bytes += static_cast<std::int64_t>(timed->packet.bytes());
        if (timed->packet.stream() == stream && timed->packet.key() &&
            ingest::matches(timed->packet, point, method))
            return true;
    }
    return false;
}

}  // namespace

Result<SeekMethod> prove_seek(ingest::TimedReader& reader, const Index& index) {
    const VideoIndex* video = nullptr;
    for (const auto& v : index.video) {
        if (video == nullptr || v.key_frames.size() > video->key_frames.size()) video = &v;
    }
    if (video == nullptr || video->key_frames.size() < 2 || reader.counted(video->stream))
        return SeekMethod::kScan;
    const auto& keys = video->key_frames;
    const std::array tried{keys[keys.size() / 2], keys.back(), keys[keys.size() / 4], keys.front()};
    reader.input().select({video->stream});
    const auto first = reader.input().facts().seek == SeekMethod::kPosition ? SeekMethod::kPosition
                                                                            : SeekMethod::kTime;
    const auto second = first == SeekMethod::kTime ? SeekMethod::kPosition : SeekMethod::kTime;
    for (const auto method : {first, second}) {
        bool all = true;
        for (const auto& key : tried) {
            if (method == SeekMethod::kPosition && key.position < 0) all = false;
            if (!all) break;
            SG_TRY_ASSIGN(all, arrives(reader, method, key, video->stream));
        }
        if (all) return method;
    }
    return SeekMethod::kScan;
}

}  // namespace sg::engine
