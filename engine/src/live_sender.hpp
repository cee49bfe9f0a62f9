#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <engine/live_link.hpp>
#include <pipeline/stage.hpp>
#include <process/channel.hpp>

namespace sg::engine {

/// Sends what the encoders of all renditions make. Thread-safe; waits while the channel does not
/// read.
class LiveSender {
  public:
    explicit LiveSender(UniqueFd socket);

    /// A new run: times count from `origin_ns` on. Their codec's data comes with the encoders.
    void begin(std::vector<LiveRenditionInfo> renditions,
               std::int64_t origin_ns,
               std::stop_token stop);

    [[nodiscard]] Status described(std::size_t rendition, const media::StreamInfo& info);
    [[nodiscard]] Status sample(std::size_t rendition, const media::Packet& packet);
    /// There was no time to decode a picture.
    [[nodiscard]] Status dropped();
    /// Nothing more comes of it.
    [[nodiscard]] Status ended(std::size_t rendition);

  private:
    struct Entry {
        LiveRenditionInfo info;
        media::Timebase timebase{0, 1};
        bool known = false;  ///< its codec's data is there
        bool over = false;
        std::size_t number = 0;  ///< as announced
        bool announced = false;
    };

    [[nodiscard]] Status send(std::string message);
    [[nodiscard]] Status announce(bool all);

    std::mutex mutex_;
    process::Channel channel_;
    std::stop_token stop_;
    std::vector<Entry> entries_;
    std::int64_t origin_ns_ = 0;
    bool announced_ = false;
    /// Until all renditions are known.
    std::vector<LiveEncodedSample> held_;
    std::size_t held_bytes_ = 0;
};

/// The end of a rendition's lane.
class LiveSinkStage final : public pipeline::Stage {
  public:
    LiveSinkStage(LiveSender& sender, std::size_t rendition)
        : sender_(sender), rendition_(rendition) {}

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    LiveSender& sender_;
    std::size_t rendition_;
};

}  // namespace sg::engine
