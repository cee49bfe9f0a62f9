#include <string>

#include <support/catch.hpp>

#include "quantities.hpp"
#include "table.hpp"
#include "text_width.hpp"

using namespace sg;
using namespace sg::apps;

TEST_CASE("quantities are written for people") {
    CHECK(bytes_text(0) == "0 B");
    CHECK(bytes_text(999) == "999 B");
    CHECK(bytes_text(14'200'000) == "14.2 MB");
    CHECK(bytes_text(999'960) == "1.0 MB");
    CHECK(bitrate_text(4'800'000) == "4.8 Mbit/s");
    CHECK(clock_text(24) == "0:24");
    CHECK(clock_text(3723) == "1:02:03");
    CHECK(clock_text(-1) == "--:--");
    CHECK(seconds_text(5.21) == "5.2 s");
    CHECK(seconds_text(65) == "1:05");
    CHECK(rate_text(30) == "30");
    CHECK(rate_text(29.97002997) == "29.97");
}

TEST_CASE("sizes and times are read with their units") {
    CHECK(*parse_byte_count("2G") == std::int64_t{2} << 30);
    CHECK(*parse_byte_count("1.5GiB") == (std::int64_t{3} << 30) / 2);
    CHECK(*parse_byte_count("1500M") == std::int64_t{1500} << 20);
    CHECK(*parse_byte_count("100") == 100);
    CHECK_FALSE(parse_byte_count("2X"));
    CHECK_FALSE(parse_byte_count("-2G"));
    CHECK_FALSE(parse_byte_count("nan"));
    CHECK_FALSE(parse_byte_count("1e300"));
    CHECK_FALSE(parse_byte_count(""));
    CHECK(*parse_seconds("90") == 90);
    CHECK(*parse_seconds("5m") == 300);
    CHECK(*parse_seconds("0.5s") == 1);
    CHECK_FALSE(parse_seconds("5 fortnights"));
}

TEST_CASE("text is measured in terminal columns") {
    use_unicode_widths();
    CHECK(text_width("film.mov") == 8);
    CHECK(text_width("été") == 3);
    CHECK(text_width("e\u0301") == 1);
    CHECK(text_width("映画") == 4);
    CHECK(text_width("\xff\xfe") == 2);
}

TEST_CASE("text is made exactly as wide as asked") {
    use_unicode_widths();
    CHECK(fitted("film", 6) == "film  ");
    CHECK(fitted("a-very-long-name.mov", 9) == "a-ve….mov");
    CHECK(fitted("映画映画映画", 5) == "映…画");
    CHECK(text_width(fitted("映画映画映画", 6)) == 6);
    CHECK(fitted("x", 0).empty());
    CHECK(clipped("映画", 3) == "映");
}

TEST_CASE("a file name cannot steer the terminal") {
    CHECK(printable("a\x1b[2Jb\n") == "a\uFFFD[2Jb\uFFFD");
    CHECK(printable("ok \xc3\xa9") == "ok é");
    CHECK(printable("\xc0\x80") == "\uFFFD\uFFFD");
    CHECK(printable("\xc2\x9b") == "\uFFFD");
    CHECK(printable_lines("a\x1b\nb\n") == "a\uFFFD\nb\n");
}

TEST_CASE("a table leaves out columns that nobody filled") {
    Table table({{"NAME"}, {"EMPTY"}, {"SIZE", Table::Align::kRight}});
    table.add_row({"a", "", "1"});
    table.add_row({"long", "", "1000000"});
    CHECK(table.text(1) == " NAME     SIZE\n a           1\n long  1000000\n");
}
