#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include <ingest/picture_parser.hpp>
#include <media_av/check.hpp>
#include <media_av/libav.hpp>
#include <media_av/ptrs.hpp>

namespace sg::ingest {
namespace {

struct CloseParser {
    void operator()(AVCodecParserContext* p) const { av_parser_close(p); }
};

/// The slices of an access unit lie behind its parameter sets and messages; one that hides deeper
/// than this is not searched for.
constexpr int kMaxUnits = 64;

}  // namespace

struct PictureParser::State {
    media::CodecId codec = media::CodecId::kUnknown;
    AVCodecID av_codec = AV_CODEC_ID_NONE;
    std::size_t length_bytes = 0;  ///< of each NAL unit's size; 0: start codes
    av::CodecContextPtr context;
    std::unique_ptr<AVCodecParserContext, CloseParser> parser;

    void open() {
        parser.reset(av_parser_init(av_codec));
        if (parser) parser->flags |= PARSER_FLAG_COMPLETE_FRAMES;
    }

    /// True for a NAL unit type of an IDR (ISO/IEC 14496-10 table 7-1: 5; ISO/IEC 23008-2 table
    /// 7-1: 19, 20); false at the first other slice.
    [[nodiscard]] bool starts_idr(std::span<const std::byte> data, std::size_t missing) const {
        const bool hevc = codec == media::CodecId::kHevc;
        for (int i = 0; i < kMaxUnits && !data.empty(); ++i) {
            std::span<const std::byte> unit;
            if (length_bytes > 0) {
                if (data.size() <= length_bytes) return false;
                std::size_t length = 0;
                for (std::size_t b = 0; b < length_bytes; ++b)
                    length = length << 8 | std::to_integer<std::size_t>(data[b]);
                data = data.subspan(length_bytes);
                if (length == 0 || length > data.size() + missing || data.empty()) return false;
                unit = data.first(std::min(length, data.size()));
                data = data.subspan(unit.size());
            } else {
                constexpr std::byte kCode[3] = {std::byte{0}, std::byte{0}, std::byte{1}};
                const auto at =
                    std::search(data.begin(), data.end(), std::begin(kCode), std::end(kCode));
                if (data.end() - at < 4) return false;
                data = data.subspan(static_cast<std::size_t>(at - data.begin()) + 3);
                unit = data;
            }
            const auto first = std::to_integer<unsigned>(unit[0]);
            const unsigned type = hevc ? first >> 1 & 0x3f : first & 0x1f;
            if (hevc ? type == 19 || type == 20 : type == 5) return true;
            if (hevc ? type <= 31 : type >= 1 && type <= 4) return false;
        }
        return false;
    }
};

PictureParser::PictureParser(const media::StreamInfo& info) : state_(std::make_unique<State>()) {
    auto& s = *state_;
    s.codec = info.codec;
    s.av_codec = av::codec_to_av(info.codec);
    if (s.av_codec == AV_CODEC_ID_NONE) {
        const auto* description = avcodec_descriptor_get_by_name(info.codec_detail.c_str());
        if (description != nullptr) s.av_codec = description->id;
    }
    const auto extra = std::span(info.extradata);
    if (s.codec == media::CodecId::kH264 && extra.size() >= 7 && extra[0] == std::byte{1})
        s.length_bytes = (std::to_integer<std::size_t>(extra[4]) & 3U) + 1;
    if (s.codec == media::CodecId::kHevc && extra.size() >= 23 && extra[0] == std::byte{1})
        s.length_bytes = (std::to_integer<std::size_t>(extra[21]) & 3U) + 1;
    // These need more than key flags: fields in packets of their own, order of display in
    // containers without timestamps.
    const bool parsed = s.av_codec == AV_CODEC_ID_H264 || s.av_codec == AV_CODEC_ID_MPEG1VIDEO ||
                        s.av_codec == AV_CODEC_ID_MPEG2VIDEO || s.av_codec == AV_CODEC_ID_MPEG4;
    if (!parsed) return;
    s.context.reset(avcodec_alloc_context3(nullptr));
    if (!s.context) return;
    s.context->codec_type = AVMEDIA_TYPE_VIDEO;
    s.context->codec_id = s.av_codec;
    if (!extra.empty()) {
        s.context->extradata =
            static_cast<std::uint8_t*>(av_mallocz(extra.size() + AV_INPUT_BUFFER_PADDING_SIZE));
        if (s.context->extradata != nullptr) {
            std::memcpy(s.context->extradata, extra.data(), extra.size());
            s.context->extradata_size = static_cast<int>(extra.size());
        }
    }
    s.open();
}

PictureParser::~PictureParser() = default;
PictureParser::PictureParser(PictureParser&&) noexcept = default;
PictureParser& PictureParser::operator=(PictureParser&&) noexcept = default;

void PictureParser::reset() {
    if (state_->parser) state_->open();
}

bool PictureParser::starts_idr(const media::Packet& packet, std::size_t whole_bytes) const {
    const bool nal =
        state_->codec == media::CodecId::kH264 || state_->codec == media::CodecId::kHevc;
    return !nal ||
           state_->starts_idr(packet.data(), whole_bytes - std::min(whole_bytes, packet.bytes()));
}

PictureParser::Picture PictureParser::parse(const media::Packet& packet) {
    auto& s = *state_;
    Picture picture;
    const bool nal = s.codec == media::CodecId::kH264 || s.codec == media::CodecId::kHevc;
    picture.idr = packet.key() && (!nal || s.starts_idr(packet.data(), 0));
    if (!s.parser || packet.bytes() == 0) return picture;
    std::uint8_t* out = nullptr;
    int out_size = 0;
    const auto* native = packet.native();
    (void)av_parser_parse2(s.parser.get(),
                           s.context.get(),
                           &out,
                           &out_size,
                           native->data,
                           native->size,
                           native->pts,
                           native->dts,
                           native->pos);
    if (s.codec != media::CodecId::kH264) {  // both fields come in one packet
        picture.shown_later = s.parser->pict_type != AV_PICTURE_TYPE_B;
        picture.order_known = s.parser->pict_type != AV_PICTURE_TYPE_NONE;
        return picture;
    }
    picture.field = s.parser->picture_structure == AV_PICTURE_STRUCTURE_TOP_FIELD ||
                    s.parser->picture_structure == AV_PICTURE_STRUCTURE_BOTTOM_FIELD;
    picture.bottom = s.parser->picture_structure == AV_PICTURE_STRUCTURE_BOTTOM_FIELD;
    picture.shown_later = s.parser->pict_type != AV_PICTURE_TYPE_B;
    picture.order = s.parser->output_picture_number;
    picture.order_known = s.parser->pict_type != AV_PICTURE_TYPE_NONE;
    return picture;
}

}  // namespace sg::ingest
