#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <live/restreamer.hpp>

#include <formats/elementary_stream.hpp>
#include <formats/ts_writer.hpp>
#include <protocols/srt_caller.hpp>

namespace sg::live {

/// Calls an SRT listener and sends a transport stream.
class SrtRestreamLink final : public RestreamLink {
  public:
    SrtRestreamLink(boost::asio::io_context& home,
                    protocols::SrtService& service,
                    SrtTarget target);
    ~SrtRestreamLink() override;

    void start(Events events) override;
    [[nodiscard]] Status track(const ingest::LiveTrack& track) override;
    [[nodiscard]] bool unit(const ingest::TimedUnit& unit) override;
    void finish() override {}
    [[nodiscard]] std::uint64_t sent_bytes() const override { return sent_bytes_; }

  private:
    struct Track {
        ingest::LiveTrack described;
        formats::ts::StreamType type = formats::ts::StreamType::kH264;
        std::optional<formats::AdtsFramer> adts;
        std::size_t stream = 0;
    };

    [[nodiscard]] Status payload(const Track& track, const ingest::TimedUnit& unit);
    void restart_writer();

    boost::asio::io_context& home_;
    protocols::SrtService& service_;
    SrtTarget target_;
    /// What callbacks that come late may still look at.
    struct Shared {
        Events events;
        std::shared_ptr<protocols::SrtConnection> connection;
    };
    std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
    std::map<int, Track> tracks_;
    std::optional<formats::ts::Writer> writer_;
    std::optional<std::int64_t> origin_ns_;
    std::int64_t tables_ns_ = 0;
    std::vector<std::byte> payload_;
    std::vector<std::byte> packets_;
    std::uint64_t sent_bytes_ = 0;
};

}  // namespace sg::live
