#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include <fcntl.h>

#include <fmt/format.h>
#include <live/dvr_index.hpp>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <base/file.hpp>
#include <formats/ts_writer.hpp>

namespace sg::live {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using packagers::LiveInit;
using packagers::LiveSegment;
using packagers::TrackDescription;
using packagers::TrackType;
using packagers::VideoRange;
using packagers::WallTime;

/// Of one file: an index of an hour of 100 ms segments has 4 MB.
constexpr std::size_t kMaxIndex = std::size_t{64} << 20;
constexpr std::uint64_t kMaxInit = 1U << 20;
constexpr std::size_t kFields = 8;

constexpr unsigned kIndependent = 1;
constexpr unsigned kDiscontinuity = 2;
constexpr unsigned kDated = 4;

std::uint32_t checksum(std::string_view text) {
    return formats::ts::section_crc(std::as_bytes(std::span(text)));
}

std::string with_checksum(const std::string& text) {
    return fmt::format("{} {:08x}\n", text, checksum(text));
}

/// The text before a right checksum.
std::optional<std::string_view> checked(std::string_view line) {
    const auto space = line.rfind(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const std::string_view text = line.substr(0, space);
    if (line.substr(space + 1) != fmt::format("{:08x}", checksum(text))) return std::nullopt;
    return text;
}

json to_json(const TrackDescription& d) {
    return {{"version", 1},
            {"video", d.type == TrackType::kVideo},
            {"rendition", d.rendition},
            {"codecs", d.codecs},
            {"timescale", d.timescale},
            {"offset", d.offset},
            {"init_file", d.init_file},
            {"init_bytes", d.init_bytes},
            {"width", d.width},
            {"height", d.height},
            {"sar", {d.sar_num, d.sar_den}},
            {"frame_rate", {d.frame_rate_num, d.frame_rate_den}},
            {"range", static_cast<int>(d.range)},
            {"colour", {d.colour_primaries, d.transfer, d.matrix}},
            {"full_range", d.full_range},
            {"sample_rate", d.sample_rate},
            {"channels", d.channels},
            {"language", d.language},
            {"label", d.label},
            {"is_default", d.is_default},
            {"describes_video", d.describes_video},
            {"source_track", d.source_track}};
}

TrackDescription description_of(const json& j) {
    TrackDescription d;
    d.type = j.at("video").get<bool>() ? TrackType::kVideo : TrackType::kAudio;
    j.at("rendition").get_to(d.rendition);
    j.at("codecs").get_to(d.codecs);
    j.at("timescale").get_to(d.timescale);
    j.at("offset").get_to(d.offset);
    j.at("init_file").get_to(d.init_file);
    j.at("init_bytes").get_to(d.init_bytes);
    j.at("width").get_to(d.width);
    j.at("height").get_to(d.height);
    j.at("sar").at(0).get_to(d.sar_num);
    j.at("sar").at(1).get_to(d.sar_den);
    j.at("frame_rate").at(0).get_to(d.frame_rate_num);
    j.at("frame_rate").at(1).get_to(d.frame_rate_den);
    d.range = static_cast<VideoRange>(std::clamp(j.at("range").get<int>(), 0, 2));
    j.at("colour").at(0).get_to(d.colour_primaries);
    j.at("colour").at(1).get_to(d.transfer);
    j.at("colour").at(2).get_to(d.matrix);
    j.at("full_range").get_to(d.full_range);
    j.at("sample_rate").get_to(d.sample_rate);
    j.at("channels").get_to(d.channels);
    j.at("language").get_to(d.language);
    j.at("label").get_to(d.label);
    j.at("is_default").get_to(d.is_default);
    j.at("describes_video").get_to(d.describes_video);
    j.at("source_track").get_to(d.source_track);
    return d;
}

std::optional<TrackDescription> read_head(std::string_view line) {
    const auto text = checked(line);
    if (!text) return std::nullopt;
    try {
        const auto parsed = json::parse(*text);
        if (parsed.at("version").get<int>() != 1) return std::nullopt;
        auto description = description_of(parsed);
        if (description.timescale == 0 || description.init_bytes > kMaxInit) return std::nullopt;
        return description;
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

std::optional<DvrSegment> read_segment(std::string_view line) {
    auto text = checked(line);
    if (!text) return std::nullopt;
    std::array<std::int64_t, kFields> fields{};
    for (auto& field : fields) {
        const auto end = std::min(text->find(' '), text->size());
        const auto [stop, error] = std::from_chars(text->data(), text->data() + end, field);
        if (error != std::errc{} || stop != text->data() + end) return std::nullopt;
        text->remove_prefix(std::min(end + 1, text->size()));
    }
    const auto [number, start, duration, samples, flags, date, offset, bytes] = fields;
    if (number < 0 || duration <= 0 || offset < 0 || bytes <= 0) return std::nullopt;
    DvrSegment out;
    out.segment.number = number;
    out.segment.start = start;
    out.segment.duration = duration;
    out.segment.closed = true;
    out.segment.independent = (flags & kIndependent) != 0;
    out.segment.discontinuity = (flags & kDiscontinuity) != 0;
    if ((flags & kDated) != 0) out.segment.date = WallTime(std::chrono::microseconds(date));
    out.samples = static_cast<std::uint32_t>(samples);
    out.offset = static_cast<std::uint64_t>(offset);
    out.bytes = static_cast<std::uint64_t>(bytes);
    return out;
}

std::shared_ptr<const LiveInit> read_init(int fd,
                                          const std::string& name,
                                          TrackDescription description) {
    std::vector<std::byte> bytes(description.init_bytes);
    const auto got = read_at(fd, 0, bytes, name);
    if (!got || *got != bytes.size()) return nullptr;
    auto init = std::make_shared<LiveInit>();
    init->description = std::move(description);
    init->bytes = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    return init;
}

}  // namespace

std::string dvr_head_line(const LiveInit& init) {
    return with_checksum(
        to_json(init.description).dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string dvr_segment_line(const DvrSegment& s) {
    const LiveSegment& segment = s.segment;
    const unsigned flags = (segment.independent ? kIndependent : 0) |
                           (segment.discontinuity ? kDiscontinuity : 0) |
                           (segment.date ? kDated : 0);
    const auto date = segment.date ? std::chrono::duration_cast<std::chrono::microseconds>(
                                         segment.date->time_since_epoch())
                                         .count()
                                   : 0;
    return with_checksum(fmt::format("{} {} {} {} {} {} {} {}",
                                     segment.number,
                                     segment.start,
                                     segment.duration,
                                     s.samples,
                                     flags,
                                     date,
                                     s.offset,
                                     s.bytes));
}

Result<DvrFile> read_dvr_file(const fs::path& index, const std::string& epoch, DvrInits& inits) {
    SG_TRY_ASSIGN(const std::string text, read_file(index, kMaxIndex));
    const auto bad = [&](const char* why) {
        return Error{Errc::kBadData, fmt::format("read {}: {}", index.string(), why)};
    };
    std::string_view rest = text;
    const auto line = [&rest]() -> std::optional<std::string_view> {
        const auto end = rest.find('\n');
        if (end == std::string_view::npos) return std::nullopt;
        const auto out = rest.substr(0, end);
        rest.remove_prefix(end + 1);
        return out;
    };
    const auto head = line();
    auto description = head ? read_head(*head) : std::nullopt;
    if (!description) return bad("its first line is not whole");
    DvrFile file;
    file.media = fs::path(index).replace_extension(kDvrMediaExtension);
    SG_TRY_ASSIGN(const UniqueFd media, open_file(file.media, O_RDONLY));
    struct stat facts {};
    if (::fstat(media.get(), &facts) != 0) return errno_error(errno, "read " + file.media.string());
    auto& init = inits[description->rendition + '/' + description->init_file];
    if (!init) init = read_init(media.get(), file.media.string(), std::move(*description));
    if (!init) return bad("the init segment is not whole");
    file.init = init;
    for (auto next = line(); next; next = line()) {
        auto segment = read_segment(*next);
        if (!segment) break;
        const auto size = static_cast<std::uint64_t>(facts.st_size);
        if (segment->offset > size || segment->bytes > size - segment->offset) break;
        segment->segment.epoch = epoch;
        segment->segment.init = init;
        file.segments.push_back(std::move(*segment));
    }
    return file;
}

std::vector<DvrFile> read_dvr_epoch(const fs::path& folder) {
    std::vector<DvrFile> files;
    std::error_code failed;
    DvrInits inits;
    for (fs::directory_iterator at(folder, failed), end; !failed && at != end;
         at.increment(failed)) {
        if (at->path().extension() != kDvrIndexExtension) continue;
        auto file = read_dvr_file(at->path(), folder.filename().string(), inits);
        if (file && !file->segments.empty()) files.push_back(std::move(*file));
    }
    std::sort(files.begin(), files.end(), [](const DvrFile& a, const DvrFile& b) {
        const auto first = a.segments.front().segment.number;
        const auto second = b.segments.front().segment.number;
        return first != second ? first < second : a.media < b.media;
    });
    return files;
}

bool epoch_before(const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
}

std::vector<fs::path> dvr_epochs(const fs::path& channel) {
    std::vector<fs::path> folders;
    std::error_code failed;
    for (fs::directory_iterator at(channel, failed), end; !failed && at != end;
         at.increment(failed)) {
        std::error_code unseen;
        if (at->is_directory(unseen)) folders.push_back(at->path());
    }
    std::sort(folders.begin(), folders.end(), [](const fs::path& a, const fs::path& b) {
        return epoch_before(a.filename().string(), b.filename().string());
    });
    return folders;
}

}  // namespace sg::live
