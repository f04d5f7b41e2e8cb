// What a basket earns, and why.
export function decide(settings, basket) {
  const earnings = [];
  const findings = [];
  const find = (applied, rule, explanation) => {
    findings.push({ applied, rule, explanation });
  };

  let amount = 0;
  let excluded = false;
  for (const line of basket.lines) {
    if (settings.excluded_categories.includes(line.category)) {
      excluded = true;
    } else {
      amount += line.amount;
    }
  }
  if (excluded) find(true, "excluded-categories", "lines of excluded categories earn nothing");
  if (amount === 0) {
    find(false, "no-eligible-amount", "nothing in this order earns points");
    return { earnings, findings };
  }

  const candidates = [];
  for (const { weekday, percent } of settings.weekday_multipliers) {
    if (weekday === basket.weekday) {
      candidates.push({ rule: "weekday-multiplier", percent, explanation: `${percent}% of the points today` });
    }
  }
  if (candidates.length === 0) find(false, "weekday-multiplier", "no multiplier today");
  const ofToday = candidates.length;
  for (const { tag, percent } of settings.tag_multipliers) {
    if (basket.tags.includes(tag)) {
      candidates.push({ rule: "tag-multiplier", percent, explanation: `${percent}% of the points for ${tag}` });
    }
  }
  if (candidates.length === ofToday) find(false, "tag-multiplier", "no multiplier for the tags of this member");

  let highest = null;
  for (const candidate of candidates) {
    if (highest === null || candidate.percent > highest.percent) highest = candidate;
  }
  for (const candidate of candidates) {
    if (candidate === highest) {
      find(true, candidate.rule, candidate.explanation);
    } else {
      find(false, candidate.rule, `${candidate.explanation}, but another multiplier is higher`);
    }
  }

  const percent = highest === null ? 100 : highest.percent;
  const product = amount * settings.points * percent;
  const divisor = settings.per_amount * 100;
  // Whole numbers as long as they stay below 2^53, which those of an order do.
  const points = (product - (product % divisor)) / divisor;
  if (points === 0) {
    find(false, "points", "the amount is too small for a point");
    return { earnings, findings };
  }
  find(true, "points", `${points} points for this order`);
  earnings.push({ unit: "points", amount: points });
  return { earnings, findings };
}
