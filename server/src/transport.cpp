#include "transport.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace sg::server {
namespace {

constexpr std::size_t kMaxPiecesPerWrite = 64;
constexpr std::size_t kRecordBytes = 16'384;
constexpr std::size_t kMaxFileBytesPerWrite = 1U << 20U;

Transport::Outcome after_system_call(ssize_t result) {
    if (result > 0) return {Transport::State::kDone, static_cast<std::size_t>(result)};
    if (result < 0 && errno == EINTR) return {Transport::State::kDone, 0};
    if (result < 0 && errno == EAGAIN) {
        return {Transport::State::kWantWrite, 0};
    }
    return {Transport::State::kEnd, 0};
}

}  // namespace

void OutQueue::reset(std::string head, std::vector<BodyPiece> pieces) {
    head_ = std::move(head);
    head_sent_ = 0;
    std::erase_if(pieces, [](const BodyPiece& piece) { return piece.bytes == 0; });
    pieces_ = std::move(pieces);
    index_ = 0;
    offset_ = 0;
    body_sent_ = 0;
}

void OutQueue::advance(std::uint64_t bytes) {
    const auto of_head = std::min<std::uint64_t>(bytes, head_.size() - head_sent_);
    head_sent_ += of_head;
    bytes -= of_head;
    body_sent_ += bytes;
    while (bytes > 0 && index_ < pieces_.size()) {
        const auto taken = std::min(bytes, pieces_[index_].bytes - offset_);
        offset_ += taken;
        bytes -= taken;
        if (offset_ == pieces_[index_].bytes) {
            pieces_[index_] = BodyPiece{};  // lets the memory go early
            ++index_;
            offset_ = 0;
        }
    }
}

bool OutQueue::copy(std::span<char> into, std::size_t& copied) const {
    const auto head = head_rest();
    copied = std::min(head.size(), into.size());
    std::copy_n(head.begin(), copied, into.begin());
    auto offset = offset_;
    for (auto i = index_; i < pieces_.size() && copied < into.size(); ++i, offset = 0) {
        const auto& piece = pieces_[i];
        const auto bytes = std::min<std::size_t>(piece.bytes - offset, into.size() - copied);
        if (piece.file) {
            const auto got = pread(piece.file->fd.get(),
                                   into.data() + copied,
                                   bytes,
                                   static_cast<off_t>(piece.offset + offset));
            if (got != static_cast<ssize_t>(bytes)) return false;
        } else {
            std::memcpy(into.data() + copied, piece.data + offset, bytes);
        }
        copied += bytes;
    }
    return true;
}

Transport::~Transport() {
    if (tls_ != nullptr) SSL_free(tls_);
}

bool Transport::has_buffered() const noexcept {
    return tls_ != nullptr && SSL_has_pending(tls_) == 1;
}

Transport::Outcome Transport::read(std::span<char> into) {
    if (tls_ != nullptr) {
        std::size_t bytes = 0;
        ERR_clear_error();
        const int result = SSL_read_ex(tls_, into.data(), into.size(), &bytes);
        return result == 1 ? Outcome{State::kDone, bytes} : tls_outcome(result);
    }
    auto outcome = after_system_call(recv(fd_, into.data(), into.size(), 0));
    if (outcome.state == State::kWantWrite) outcome.state = State::kWantRead;
    return outcome;
}

Transport::Outcome Transport::write(OutQueue& queue) {
    if (tls_ != nullptr) return write_tls(queue);
    const bool at_file = queue.head_sent_ == queue.head_.size() &&
                         queue.index_ < queue.pieces_.size() &&
                         queue.pieces_[queue.index_].file != nullptr;
    return at_file ? write_file(queue) : write_memory(queue);
}

Transport::Outcome Transport::write_memory(OutQueue& queue) {
    std::array<iovec, kMaxPiecesPerWrite> runs;
    std::size_t count = 0;
    if (const auto head = queue.head_rest(); !head.empty()) {
        runs[count++] = {const_cast<char*>(head.data()), head.size()};
    }
    auto offset = queue.offset_;
    auto i = queue.index_;
    for (; i < queue.pieces_.size() && count < runs.size(); ++i, offset = 0) {
        const auto& piece = queue.pieces_[i];
        if (piece.file) break;
        runs[count++] = {const_cast<std::byte*>(piece.data + offset), piece.bytes - offset};
    }
    msghdr message{};
    message.msg_iov = runs.data();
    message.msg_iovlen = count;
    // The header of a file's answer shares its first packet.
    const int more = i < queue.pieces_.size() ? MSG_MORE : 0;
    const auto outcome = after_system_call(sendmsg(fd_, &message, MSG_NOSIGNAL | more));
    queue.advance(outcome.bytes);
    return outcome;
}

Transport::Outcome Transport::write_file(OutQueue& queue) {
    const auto& piece = queue.pieces_[queue.index_];
    auto at = static_cast<off_t>(piece.offset + queue.offset_);
    const auto bytes = std::min<std::size_t>(piece.bytes - queue.offset_, kMaxFileBytesPerWrite);
    const auto outcome = after_system_call(sendfile(fd_, piece.file->fd.get(), &at, bytes));
    queue.advance(outcome.bytes);
    return outcome;
}

Transport::Outcome Transport::write_tls(OutQueue& queue) {
    if (record_.empty()) {
        record_.resize(kRecordBytes);
        std::size_t copied = 0;
        if (!queue.copy(record_, copied)) return {State::kEnd, 0};
        record_.resize(copied);
    }
    std::size_t bytes = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(tls_, record_.data(), record_.size(), &bytes);
    if (result != 1) return tls_outcome(result);
    queue.advance(bytes);
    if (queue.empty()) {
        std::vector<char>().swap(record_);
    } else {
        record_.clear();
    }
    return {State::kDone, bytes};
}

}  // namespace sg::server
