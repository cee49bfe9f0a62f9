#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <process/message.hpp>

namespace sg::process {
namespace {

constexpr std::string_view kMagic = "SGPM";

void put16(std::byte* at, std::size_t value) {
    at[0] = static_cast<std::byte>(value & 0xff);
    at[1] = static_cast<std::byte>((value >> 8) & 0xff);
}

unsigned get16(const std::byte* at) {
    return std::to_integer<unsigned>(at[0]) | (std::to_integer<unsigned>(at[1]) << 8);
}

std::size_t payload_limit(MessageType type) {
    const bool small = type == MessageType::kProgress || type == MessageType::kError;
    return small ? kMaxProgressBytes : kMaxPayloadBytes;
}

bool known_type(unsigned type) {
    return type >= static_cast<unsigned>(MessageType::kRequest) &&
           type <= static_cast<unsigned>(MessageType::kMedia);
}

}  // namespace

Result<MessageHeader> encode_header(MessageType type,
                                    std::size_t payload_bytes,
                                    std::size_t fd_count) {
    if (payload_bytes > payload_limit(type)) {
        return Error{Errc::kLimit,
                     fmt::format("send a message between processes: {} bytes are more than {}",
                                 payload_bytes,
                                 payload_limit(type))};
    }
    if (fd_count > kMaxMessageFds) {
        return Error{
            Errc::kLimit,
            fmt::format("send a message between processes: {} descriptors are more than {}",
                        fd_count,
                        kMaxMessageFds)};
    }
    MessageHeader header{};
    std::memcpy(header.data(), kMagic.data(), kMagic.size());
    put16(header.data() + 4, kMessageVersion);
    put16(header.data() + 6, static_cast<std::size_t>(type));
    put16(header.data() + 8, payload_bytes & 0xffff);
    put16(header.data() + 10, payload_bytes >> 16);
    put16(header.data() + 12, fd_count);
    return header;
}

Error MessageDecoder::fail(Errc code, std::string message) {
    failed_ = Error{code, std::move(message)};
    waiting_fds_.clear();
    message_ = {};
    return *failed_;
}

Status MessageDecoder::add_fds(std::vector<UniqueFd> fds) {
    if (failed_) return *failed_;
    if (waiting_fds_.size() + fds.size() > limits_.max_fds) {
        return fail(Errc::kBadData, "more file descriptors were sent than are accepted");
    }
    for (UniqueFd& fd : fds) waiting_fds_.push_back(std::move(fd));
    return {};
}

Status MessageDecoder::parse_header() {
    const std::byte* at = header_.data();
    if (std::memcmp(at, kMagic.data(), kMagic.size()) != 0) {
        return fail(Errc::kBadData, "the bytes are not a message");
    }
    if (const unsigned version = get16(at + 4); version != kMessageVersion) {
        return fail(Errc::kUnsupported,
                    fmt::format("message version {} is not {}", version, kMessageVersion));
    }
    const unsigned type = get16(at + 6);
    if (!known_type(type)) {
        return fail(Errc::kBadData, fmt::format("message type {} is unknown", type));
    }
    message_.type = static_cast<MessageType>(type);
    payload_bytes_ = get16(at + 8) | (std::size_t{get16(at + 10)} << 16);
    const std::size_t limit = std::min(payload_limit(message_.type), limits_.max_payload_bytes);
    if (payload_bytes_ > limit) {
        return fail(
            Errc::kBadData,
            fmt::format("a message of {} bytes is over the limit of {}", payload_bytes_, limit));
    }
    const std::size_t fd_count = get16(at + 12);
    if (get16(at + 14) != 0) return fail(Errc::kBadData, "the message header is malformed");
    // Descriptors travel with the header's first byte, so they are here by now or never.
    if (fd_count > waiting_fds_.size()) {
        return fail(
            Errc::kBadData,
            fmt::format(
                "a message announces {} file descriptors, {} came", fd_count, waiting_fds_.size()));
    }
    for (std::size_t i = 0; i < fd_count; ++i) {
        message_.fds.push_back(std::move(waiting_fds_.front()));
        waiting_fds_.pop_front();
    }
    return {};
}

Result<std::optional<Message>> MessageDecoder::decode(std::span<const std::byte>& bytes) {
    if (failed_) return *failed_;
    if (header_have_ < kMessageHeaderBytes) {
        const std::size_t take = std::min(bytes.size(), kMessageHeaderBytes - header_have_);
        std::copy_n(
            bytes.begin(), take, header_.begin() + static_cast<std::ptrdiff_t>(header_have_));
        header_have_ += take;
        bytes = bytes.subspan(take);
        if (header_have_ < kMessageHeaderBytes) return std::optional<Message>();
        SG_TRY(parse_header());
    }
    const std::size_t take = std::min(bytes.size(), payload_bytes_ - message_.payload.size());
    message_.payload.append(reinterpret_cast<const char*>(bytes.data()), take);
    bytes = bytes.subspan(take);
    if (message_.payload.size() < payload_bytes_) return std::optional<Message>();
    header_have_ = 0;
    return std::optional<Message>(std::exchange(message_, Message{}));
}

std::string encode_error(const Error& error) {
    constexpr std::size_t kMaxMessage = 16384;
    return fmt::format(
        "{}\n{}", errc_name(error.code), std::string_view(error.message).substr(0, kMaxMessage));
}

Error decode_error(std::string_view payload) {
    constexpr std::size_t kMaxMessage = 4096;
    const std::size_t end = payload.find('\n');
    const std::string_view name = payload.substr(0, end);
    Error error{Errc::kInternal, "the task failed without saying why"};
    for (int i = 0; i <= static_cast<int>(Errc::kInternal); ++i) {
        if (name == errc_name(static_cast<Errc>(i))) error.code = static_cast<Errc>(i);
    }
    // These two are signals inside a process, not failures; a caller would take them for success.
    if (error.code == Errc::kAgain || error.code == Errc::kEndOfStream)
        error.code = Errc::kInternal;
    if (end != std::string_view::npos) {
        std::string text = printable_line(payload.substr(end + 1), kMaxMessage);
        if (!text.empty()) error.message = std::move(text);
    }
    return error;
}

std::string printable_line(std::string_view text, std::size_t max_bytes) {
    if (text.size() > max_bytes) {
        text.remove_prefix(text.size() - max_bytes);
        // Not in the middle of a UTF-8 sequence.
        while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xc0) == 0x80) {
            text.remove_prefix(1);
        }
    }
    std::string line(text);
    for (std::size_t i = 0; i < line.size(); ++i) {
        const auto c = static_cast<unsigned char>(line[i]);
        if (c < 0x20 || c == 0x7f) line[i] = ' ';
        // C1 controls, U+0080 to U+009F: some terminals obey them.
        if (c == 0xc2 && i + 1 < line.size() && static_cast<unsigned char>(line[i + 1]) >= 0x80 &&
            static_cast<unsigned char>(line[i + 1]) < 0xa0) {
            line[i] = line[i + 1] = ' ';
        }
    }
    const std::size_t first = line.find_first_not_of(' ');
    if (first == std::string::npos) return {};
    return line.substr(first, line.find_last_not_of(' ') - first + 1);
}

}  // namespace sg::process
