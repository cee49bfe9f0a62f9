#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <media/packet.hpp>
#include <media/stream_info.hpp>

namespace sg::ingest {

/// Reads the headers of coded pictures without decoding them: what kind they are and where they
/// stand in display order.
class PictureParser {
  public:
    struct Picture {
        bool idr = false;    ///< H.264, HEVC: instantaneous refresh; other codecs: a key frame
        bool field = false;  ///< a single field; its pair follows in the next packet
        bool bottom = false;
        bool shown_later =
            false;  ///< a reference picture: B pictures that follow may be shown before it
        std::int64_t order =
            0;  ///< H.264: display order since the last IDR; only the sign of a difference matters
        bool order_known = false;  ///< `shown_later`, and `order` for H.264, were read
    };

    explicit PictureParser(const media::StreamInfo& info);
    ~PictureParser();
    PictureParser(PictureParser&&) noexcept;
    PictureParser& operator=(PictureParser&&) noexcept;

    [[nodiscard]] Picture parse(const media::Packet& packet);
    /// Whether a key packet of `whole_bytes` is an IDR picture, of which `packet` holds at least
    /// the front.
    [[nodiscard]] bool starts_idr(const media::Packet& packet, std::size_t whole_bytes) const;
    /// Forgets what came before: after a seek.
    void reset();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace sg::ingest
