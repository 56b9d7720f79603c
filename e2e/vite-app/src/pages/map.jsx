import { useState } from 'react';

const photos = Array.from(
  { length: 12 },
  (_each, index) => `photos/${String(index + 1).padStart(2, '0')}.jpg`,
);

export default function PhotoMap() {
  const [shown, setShown] = useState(0);
  return (
    <section>
      <img src={photos[shown]} alt={`Number ${shown + 1} of ${photos.length}`} width="640" height="480" />
      <button type="button" onClick={() => setShown((shown + 1) % photos.length)}>
        Next
      </button>
    </section>
  );
}
