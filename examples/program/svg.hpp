// SPDX-License-Identifier: Apache-2.0
// Panels side by side as an SVG: text that is the same wherever it is made, as numbers are rounded
// to tenths.
#pragma once

#include <retinue/geometry.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue {

/// Tenths, and no more digits than they need.
[[nodiscard]] inline std::string svg_number(double v)
{
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "%.1f", std::round(v * 10) / 10 + 0.0);
  const std::string_view number(text.data());
  return std::string(number.ends_with(".0") ? number.substr(0, number.size() - 2) : number);
}

[[nodiscard]] inline std::string svg_text(std::string_view text)
{
  std::string safe;
  for (const char c : text) {
    const std::string_view as = c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : "";
    safe += as.empty() ? std::string_view(&c, 1) : as;
  }
  return safe;
}

/// Colours that are told apart on white, by people who see few of them, too (Okabe and Ito 2008).
[[nodiscard]] inline std::string_view svg_colour(std::size_t i)
{
  static constexpr std::array<std::string_view, 7> colours{
      "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5f6670"};
  return colours[i % colours.size()];
}

/// <rect> of a box; `how` are its other attributes.
[[nodiscard]] inline std::string svg_box(const box<double>& b, std::string_view how)
{
  return "<rect x=\"" + svg_number(b.x1) + "\" y=\"" + svg_number(b.y1) + "\" width=\"" +
         svg_number(b.x2 - b.x1) + "\" height=\"" + svg_number(b.y2 - b.y1) + "\" " +
         std::string(how) + "/>\n";
}

/// A word of a line below a panel, and its colour.
struct svg_word {
  std::string text;
  std::string_view colour = "#4a5561";
};

/// A square of 220, drawn in units of its own, with a title above and lines of words below.
struct svg_panel {
  std::string title;
  double side = 220;  ///< units that the square is wide
  std::string drawn;  ///< what is cut off at its border
  std::vector<std::vector<svg_word>> below;
};

class svg_sheet {
 public:
  static constexpr int square = 220, gap = 24, above = 28, line = 17;

  svg_sheet(std::string about, std::size_t columns) : about_(std::move(about)), columns_(columns) {}

  void add(svg_panel panel)
  {
    lines_ = std::max(lines_, panel.below.size());
    panels_.push_back(std::move(panel));
  }

  [[nodiscard]] std::string text() const
  {
    const auto columns = static_cast<int>(std::min(columns_, panels_.size()));
    const int rows = columns == 0 ? 0 : (static_cast<int>(panels_.size()) + columns - 1) / columns;
    const int high = above + square + 8 + line * static_cast<int>(lines_) + gap;
    const auto size = std::pair(gap + columns * (square + gap), gap / 2 + rows * high);
    const std::string sides = "width=\"" + std::to_string(size.first) + "\" height=\"" +
                              std::to_string(size.second) + "\"";
    std::string text = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " +
                       std::to_string(size.first) + " " + std::to_string(size.second) + "\" " +
                       sides + " role=\"img\" aria-label=\"" + svg_text(about_) + "\">\n<style>\n" +
                       "text { font-family: \"DejaVu Sans\", Verdana, sans-serif; font-size: "
                       "11.5px }\n.title { font-size: 14px; font-weight: bold; fill: #1d2733 }\n"
                       "</style>\n<rect " +
                       sides + " fill=\"#ffffff\"/>\n";
    for (std::size_t i = 0; i < panels_.size(); ++i) {
      const svg_panel& p = panels_[i];
      const int x = gap + static_cast<int>(i) % columns * (square + gap);
      const int y = gap / 2 + static_cast<int>(i) / columns * high;
      const std::string left = "x=\"" + std::to_string(x) + "\" y=\"";
      text += "<text class=\"title\" " + left + std::to_string(y + 18) + "\">" + svg_text(p.title) +
              "</text>\n";
      text += "<svg " + left + std::to_string(y + above) + "\" width=\"220\" height=\"220\" " +
              "viewBox=\"0 0 " + svg_number(p.side) + " " + svg_number(p.side) + "\">\n" +
              "<rect width=\"100%\" height=\"100%\" fill=\"#f7f8fa\"/>\n" + p.drawn +
              "<rect width=\"100%\" height=\"100%\" fill=\"none\" stroke=\"#9aa5b1\" "
              "vector-effect=\"non-scaling-stroke\"/>\n</svg>\n";
      for (std::size_t l = 0; l < p.below.size(); ++l) {
        text += "<text " + left +
                std::to_string(y + above + square + 18 + line * static_cast<int>(l)) + "\">";
        for (const svg_word& word : p.below[l])
          text += "<tspan fill=\"" + std::string(word.colour) + "\">" + svg_text(word.text) +
                  "</tspan> ";
        text += "</text>\n";
      }
    }
    return text + "</svg>\n";
  }

 private:
  std::string about_;
  std::size_t columns_, lines_ = 0;
  std::vector<svg_panel> panels_;
};

}  // namespace retinue
