#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <live/restreamer.hpp>

#include <protocols/rtmp_client.hpp>

namespace sg::live {

/// Publishes to an RTMP server. H.264, AAC and MP3 in the form that all of them understand, HEVC
/// and AV1 as Enhanced RTMP.
class RtmpRestreamLink final : public RestreamLink, private protocols::RtmpClientHandler {
  public:
    RtmpRestreamLink(boost::asio::io_context& home, protocols::RtmpUrl url);

    void start(Events events) override;
    [[nodiscard]] Status track(const ingest::LiveTrack& track) override;
    [[nodiscard]] bool unit(const ingest::TimedUnit& unit) override;
    void finish() override;
    [[nodiscard]] std::uint64_t sent_bytes() const override;

  private:
    struct Track {
        ingest::LiveTrack described;
        std::uint32_t fourcc = 0;
        std::vector<std::byte> configuration;
        bool announced = false;
    };

    void on_ready() override;
    void on_messages(std::span<protocols::RtmpMessage> messages) override;
    void on_closed(const Error& why) override;

    [[nodiscard]] bool send(const Track& track,
                            bool configuration,
                            const ingest::TimedUnit& unit,
                            std::uint32_t time);
    [[nodiscard]] bool send_metadata(std::uint32_t time);

    Events events_;
    protocols::RtmpClient client_;
    std::map<int, Track> tracks_;
    std::optional<std::int64_t> origin_ns_;
    bool metadata_sent_ = false;
    std::vector<std::byte> head_;
    std::vector<std::byte> body_;
};

}  // namespace sg::live
